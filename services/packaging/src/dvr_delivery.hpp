// Answers players who go back: lists of a stream with its past, and the segments and init segments in them
// that the log has let go of, under the same addresses as ever, from the recordings. Any thread; never
// blocks: what waits for the disk is done on the archive's threads, and answered from there.
//
// Who may have what is as for the live stream (delivery.hpp): a private stream's past takes a token, also
// what was public then; of a stream that is public nothing is shown that was private.
#pragma once

#include <string>
#include <string_view>

#include "delivery.hpp"
#include "dvr_archive.hpp"

namespace millrace::packaging {

class DvrDelivery {
 public:
  // All of them outlive the server that calls.
  DvrDelivery(const ViewTable& views, const PlaybackGate& gate, ViewerCounter& viewers, Metrics& metrics,
              Protocols protocols, DvrArchive& archive)
      : views_(views),
        gate_(gate),
        viewers_(viewers),
        metrics_(metrics),
        protocols_(protocols),
        archive_(archive) {}

  // A list with the past of a stream is asked for.
  static bool is_list(const http::Request& request);
  // Precondition: is_list().
  void serve_list(http::Request&& request, const http::Responder& responder, std::int64_t now_us,
                  WallTime wall);
  // The log does not have what is asked for (404, 410): is it an object that recordings may have?
  static bool may_have(const http::Request& request, const http::Response& answer);
  // missing: the answer where they have not.
  void serve_object(http::Request&& request, const http::Responder& responder, http::Response missing,
                    std::int64_t now_us, WallTime wall);

 private:
  struct Access {
    bool is_public = false;
    std::optional<http::Response> refusal{};
  };
  Access judge(const http::Request& request, const std::string& stream_id, bool is_private, WallTime wall,
               std::int64_t grace_s) const;
  http::Response list(const http::Request& request, const DvrArchive::Stream& stream, std::int64_t now_us,
                      WallTime wall);
  http::Response list_of(const http::Request& request, const DvrArchive::Stream& stream, const Offering* live,
                         bool is_public, std::int64_t now_us, WallTime wall);
  http::Response text_of(const http::Request& request, const StreamPath& path, const StoredText& text,
                         std::uint32_t target_s, DvrLists* for_one_viewer) const;
  void find_object(const std::shared_ptr<const http::Request>& request, const http::Responder& responder,
                   const http::Response& missing, bool is_live, std::int64_t now_us, WallTime wall);
  void object(const std::shared_ptr<const http::Request>& request, const http::Responder& responder,
              http::Response missing, const Recorded& recorded, WallTime wall);
  http::Response segment(const http::Request& request, const RecordedSegment& segment, const TrackSpan& span);
  http::Response init_segment(const TrackDescription& description);

  const ViewTable& views_;
  const PlaybackGate& gate_;
  ViewerCounter& viewers_;
  Metrics& metrics_;
  const Protocols protocols_;
  DvrArchive& archive_;
};

}  // namespace millrace::packaging
