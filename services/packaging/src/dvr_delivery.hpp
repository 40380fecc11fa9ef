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
#include "dvr_clip.hpp"
#include "http/places.hpp"

namespace millrace::packaging {

class DvrDelivery {
 public:
  // Requests that wait for the disk: in all, and of an IPv4 address or IPv6 /64.
  static constexpr std::size_t kMostWaiting = 8192;
  static constexpr std::size_t kMostOfAddress = 64;

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
  // A request that waits for the disk.
  struct PendingRequest {
    http::Request request;
    http::Responder responder;
    std::int64_t now_us;
    WallTime wall;
    StreamPath path{};  // views into the request's
    std::string stream_id{};
    http::Places::Place place{};
    bool has_place = false;
    PlaylistForm form = PlaylistForm::kPlain;  // of a list
    manifest::Clip clip{};                     // of a list: dates
    http::Response missing{};                  // of an object: the answer where the recordings have not
    bool is_live = false;
  };
  using PendingRequestPtr = std::shared_ptr<PendingRequest>;

  PendingRequestPtr take(http::Request&& request, const http::Responder& responder, std::int64_t now_us,
                         WallTime wall) const;
  PlaybackGate::Access admit(const PendingRequest& pending, const Recorded* recorded, const Offering* live,
                             std::int64_t grace_s) const;
  http::Response list(const PendingRequest& pending, const DvrArchive::Stream& stream);
  http::Response list_of(const PendingRequest& pending, const DvrArchive::Stream& stream,
                         const Offering* live, bool is_public);
  // Without a text: there is no such list.
  StoredText text_of(const PendingRequest& pending, const DvrArchive::Stream& stream, const Offering* live,
                     const DvrTexts& texts) const;
  http::Response shared(const PendingRequest& pending, const StoredText& text) const;
  // A list that is this viewer's alone: with a token, or of a clip.
  http::Response own(const PendingRequest& pending, const StoredText& text, bool is_public,
                     DvrLists& lists) const;
  // The answer to who asks for a list in a way that is none.
  std::optional<http::Response> read_query(PendingRequest& pending);
  void find_object(const PendingRequestPtr& pending);
  void object(const PendingRequest& pending, const Recorded& recorded);
  http::Response segment(const http::Request& request, const RecordedSegment& segment, const TrackSpan& span);
  http::Response init_segment(const TrackDescription& description);

  const ViewTable& views_;
  const PlaybackGate& gate_;
  ViewerCounter& viewers_;
  Metrics& metrics_;
  const Protocols protocols_;
  DvrArchive& archive_;
  const std::shared_ptr<http::Places> places_ = std::make_shared<http::Places>(kMostWaiting, kMostOfAddress);
};

}  // namespace millrace::packaging
