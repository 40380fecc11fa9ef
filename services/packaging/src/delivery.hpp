// Answers players: translates requests into look-ups in the view table. Runs on the HTTP server's threads,
// never blocks but for a stream's first assembly of a segment's header.
//
// Everything is public and without credentials; ids only, never keys. Playlists may be cached for half a
// target duration, those that were waited for (their query names what is in them) for six; segments, parts
// and init segments for ever: no name is ever used for other bytes.
//
// Of a private stream every object needs a playback token (playback_gate.hpp); its playlists hand it on to
// the URIs in them, and nothing is stored by anybody. Of a barred stream there is nothing, and nothing of any
// stream before it is known who may watch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/wall_time.hpp"
#include "http/server.hpp"
#include "metrics.hpp"
#include "playback_gate.hpp"
#include "rendition_demand.hpp"
#include "stream_view.hpp"
#include "viewer_counter.hpp"

namespace millrace::packaging {

// A text with its ETag.
http::Response stored(const StoredText& text, std::string_view content_type, std::string_view cache_control);

// What is public may be read by any page, without credentials.
void allow_every_origin(http::Response& response);

// What tells players behind one address apart: their playback's own name where they send one, else the
// program's.
std::string viewer_name(const http::Request& request);

// Which lists there are. The segments are the same.
struct Protocols {
  bool hls = true;
  bool dash = true;
};

class Delivery {
 public:
  // All of them outlive the server that calls the handler.
  // demand: is told which of a ladder's renditions are watched, by those who may.
  Delivery(const ViewTable& views, const PlaybackGate& gate, ViewerCounter& viewers, Metrics& metrics,
           Protocols protocols = {}, RenditionDemand* demand = nullptr)
      : views_(views),
        gate_(gate),
        viewers_(viewers),
        metrics_(metrics),
        protocols_(protocols),
        demand_(demand) {}

  // What is asked for is not there yet, and will be.
  struct Awaited {
    std::string stream_id;
    std::int64_t patience_us = 0;
    std::string answer;  // who has the same one gets the same answer; empty: nobody else does
  };
  using Outcome = std::variant<http::Response, Awaited>;
  // now_us: monotonic. again: of a request that had to wait; a playlist is counted as handed out when the
  // request comes.
  Outcome answer(const http::Request& request, std::int64_t now_us, WallTime wall, bool again = false);

 private:
  struct Question {
    const http::Request& request;
    const StreamPath& path;
    const StreamView& view;
    std::int64_t now_us = 0;
    WallTime wall;
    bool again = false;
    const PlaybackGate::Access& access;
  };

  // What /time shows.
  WallTime clock(const http::Request& request, std::int64_t now_us, WallTime wall) const;
  Outcome answer_stream(const http::Request& request, const StreamPath& path, std::int64_t now_us,
                        WallTime wall, bool again);
  Outcome private_object(const Question& question);
  bool may_go_on(const std::string& stream_id, const std::optional<playback::Claims>& claims,
                 WallTime wall) const;
  Outcome object(const Question& question);
  Outcome rendition_object(const Question& question);
  Outcome media_playlist(const Question& question, const RenditionView& rendition);
  static http::Response playlist(const Question& question, const StoredText& text,
                                 std::string_view content_type);
  http::Response manifest(const Question& question);
  http::Response init_segment(const StreamView& view, const RenditionView& rendition, const StoredText& text);
  Outcome segment(const Question& question, const RenditionView& rendition, const SegmentName& name);
  void want(const Question& question, const RenditionView& rendition, std::uint64_t media_sequence);
  void read_list(const Question& question, const RenditionView& rendition, bool waits);
  std::optional<RenditionDemand::Asked> asked(const Question& question, const RenditionView& rendition) const;
  http::Response nothing_of(const Question& question, const RenditionView& rendition,
                            const SegmentName& name);
  http::Response growing(const Question& question, const RenditionView& rendition, const SegmentName& name);
  Outcome part(const Question& question, const RenditionView& rendition, const PartName& name);
  http::Response gap(const Question& question, const RenditionView& rendition, std::uint64_t media_sequence);
  void count_report(const http::Request& request);
  void count_playlist(const Question& question, const StoredText& text);
  static bool may_share(const Question& question);
  static Awaited awaited(const Question& question, std::string answer = {});
  http::Response refuse(std::string_view why);
  http::Response missing(Presence presence);

  const ViewTable& views_;
  const PlaybackGate& gate_;
  ViewerCounter& viewers_;
  Metrics& metrics_;
  const Protocols protocols_;
  RenditionDemand* const demand_;  // nullptr: nothing is made on demand
};

}  // namespace millrace::packaging
