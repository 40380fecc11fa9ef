// Who may have a recording: everybody what is public; what is private its stream's owner, and the holder of a
// playback token for the stream. A recording is private when its stream is now, or was when something of it
// was recorded (recordings/private_mark.hpp).
//
// Asked by the edge, which must not wait: what it cannot say from memory the application is asked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/wall_time.hpp"
#include "http/message.hpp"
#include "playback/playback_token.hpp"
#include "playback/revocations.hpp"
#include "stream_directory.hpp"

namespace millrace::api {

class VodAccess {
 public:
  static constexpr std::string_view kParameter = "token";

  // taken_back: what auth broadcasts. Both outlive this.
  VodAccess(std::string vod_directory, playback::TokenKeys keys, const playback::Revocations& taken_back,
            StreamDirectory& directory)
      : vod_directory_(std::move(vod_directory)),
        keys_(std::move(keys)),
        taken_back_(taken_back),
        directory_(directory) {}

  enum class Answer : std::uint8_t {
    kOpen,     // to everybody
    kGranted,  // to this request: nothing that a cache may keep
    kRefused,
    kAsk,  // the application: GET vod_access_path(name) with the request's token, 200 means granted
  };
  struct Decision {
    Answer answer = Answer::kOpen;
    http::Response refusal;
  };
  // Any thread; never waits.
  Decision judge(const http::Request& request, std::string_view name, WallTime wall) const;
  // How often a stream was withdrawn from the public or given back: answers of before may be wrong.
  std::uint64_t changes() const { return taken_back_.changes(); }

 private:
  Decision judge_token(const http::Request& request, std::string_view stream_id, WallTime wall) const;

  const std::string vod_directory_;
  const playback::TokenKeys keys_;
  const playback::Revocations& taken_back_;
  StreamDirectory& directory_;
};

}  // namespace millrace::api
