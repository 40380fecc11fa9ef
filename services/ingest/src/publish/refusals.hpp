// Tracks of a publication that can't be taken, each reported to the publisher once: what is known of at once
// (a codec, a configuration), and frames of which none was usable for a while. Owner: a Publication.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtmp/media_tag.hpp"

namespace millrace::ingest {

class Refusals {
 public:
  static constexpr std::size_t kMax = 16;  // further ones are not reported
  // A publisher with nothing else to offer is closed after that: its other tracks may still come.
  static constexpr std::int64_t kGraceUs = 2'000'000;
  // Frames that can't be taken are reported after that, unless a usable one of the track comes in between.
  static constexpr std::int64_t kPatienceUs = 1'500'000;

  void add(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string reason, std::int64_t since_us);
  // A frame that can't be taken. True: it has been so for too long.
  bool suspect(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string_view reason,
               std::int64_t now_us);
  // A frame of the track was taken.
  void trust(const rtmp::MediaTag& tag, const rtmp::TagPart& part);

  // Those since the last call.
  std::vector<std::string> take();
  bool any_new() const { return told_ < refused_.size(); }
  // Of which nothing was taken since they were refused.
  std::size_t count() const;
  // Why nothing can come of it, if there is nothing else; empty while there may be.
  std::string_view hopeless(std::int64_t now_us) const;
  // The newest reason; empty when nothing was refused.
  std::string_view newest() const { return refused_.empty() ? std::string_view() : refused_.back().reason; }

 private:
  struct Refused {
    rtmp::MessageType type{};
    std::uint8_t track_id = 0;
    rtmp::FourCc codec = rtmp::fourcc::kNone;
    std::string reason;
    bool in_force = true;
  };
  struct Suspect {
    rtmp::MessageType type{};
    std::uint8_t track_id = 0;
    std::int64_t since_us = 0;
  };

  std::vector<Refused> refused_;
  std::vector<Suspect> suspects_;
  std::size_t told_ = 0;
  std::int64_t since_us_ = 0;
};

// "the video codec "vp08" is not supported: send …"
std::string unsupported_codec(const rtmp::MediaTag& tag, const rtmp::TagPart& part);

}  // namespace millrace::ingest
