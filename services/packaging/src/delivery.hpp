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

#include "base/wall_time.hpp"
#include "http/server.hpp"
#include "metrics.hpp"
#include "playback_gate.hpp"
#include "stream_view.hpp"
#include "viewer_counter.hpp"

namespace millrace::packaging {

// What is public may be read by any page, without credentials.
void allow_every_origin(http::Response& response);

class Delivery {
 public:
  // All of them outlive the server that calls the handler.
  Delivery(const ViewTable& views, const PlaybackGate& gate, ViewerCounter& viewers, Metrics& metrics)
      : views_(views), gate_(gate), viewers_(viewers), metrics_(metrics) {}

  // now_us: monotonic.
  http::Response answer(const http::Request& request, std::int64_t now_us, WallTime wall);

 private:
  // nullopt: what is asked for is not there yet, and will be.
  using Answer = std::optional<http::Response>;

  Answer answer_stream(const http::Request& request, const StreamPath& path, std::int64_t now_us,
                       WallTime wall);
  Answer object(const http::Request& request, const StreamView& view, const StreamPath& path,
                std::int64_t now_us);
  Answer rendition_object(const http::Request& request, const StreamView& view, const StreamPath& path,
                          std::int64_t now_us);
  Answer media_playlist(const http::Request& request, const StreamView& view, const RenditionView& rendition,
                        std::int64_t now_us);
  http::Response playlist(const http::Request& request, const StreamView& view, const StoredText& text,
                          std::int64_t now_us);
  http::Response init_segment(const StreamView& view, const RenditionView& rendition, const StoredText& text);
  Answer segment(const http::Request& request, const StreamView& view, const RenditionView& rendition,
                 const SegmentName& name);
  Answer part(const http::Request& request, const StreamView& view, const RenditionView& rendition,
              const PartName& name);
  http::Response refuse(std::string_view why);
  http::Response missing(Presence presence);

  const ViewTable& views_;
  const PlaybackGate& gate_;
  ViewerCounter& viewers_;
  Metrics& metrics_;
};

}  // namespace millrace::packaging
