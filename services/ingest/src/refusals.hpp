// Tracks of a publication that can't be taken, each told to the publisher once. Owner: a Publication.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rtmp/media_tag.hpp"

namespace millrace::ingest {

class Refusals {
 public:
  static constexpr std::size_t kMax = 16;  // further ones are not told
  // A publisher with nothing else to offer is told to go after that: its other tracks may still come.
  static constexpr std::int64_t kGraceUs = 2'000'000;

  void add(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string reason, std::int64_t now_us);
  // Those since the last call.
  std::vector<std::string> take();
  bool any_new() const { return told_ < refused_.size(); }
  // Why nothing can come of it, if there is nothing else; empty while there may be.
  std::string_view hopeless(std::int64_t now_us) const;

 private:
  struct Refused {
    rtmp::MessageType type{};
    std::uint8_t track_id = 0;
    rtmp::FourCc codec = rtmp::fourcc::kNone;
    std::string reason;
  };
  std::vector<Refused> refused_;
  std::size_t told_ = 0;
  std::int64_t since_us_ = 0;
};

// "the video codec "vp08" is not supported: send …"
std::string unsupported_codec(const rtmp::MediaTag& tag, const rtmp::TagPart& part);

}  // namespace millrace::ingest
