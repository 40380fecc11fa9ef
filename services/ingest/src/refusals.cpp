#include "refusals.hpp"

#include <algorithm>

namespace millrace::ingest {

void Refusals::add(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string reason,
                   std::int64_t now_us) {
  const bool known = std::any_of(refused_.begin(), refused_.end(), [&](const Refused& refused) {
    return refused.type == tag.type && refused.track_id == part.track_id && refused.codec == part.codec;
  });
  if (known || refused_.size() == kMax) return;
  if (refused_.empty()) since_us_ = now_us;
  refused_.push_back({tag.type, part.track_id, part.codec, std::move(reason)});
}

std::vector<std::string> Refusals::take() {
  std::vector<std::string> reasons;
  for (; told_ < refused_.size(); ++told_) reasons.push_back(refused_[told_].reason);
  return reasons;
}

std::string_view Refusals::hopeless(std::int64_t now_us) const {
  return refused_.empty() || now_us - since_us_ < kGraceUs ? std::string_view() : refused_.front().reason;
}

std::string unsupported_codec(const rtmp::MediaTag& tag, const rtmp::TagPart& part) {
  const bool video = tag.type == rtmp::MessageType::kVideo;
  const std::string name = part.codec != rtmp::fourcc::kNone ? "\"" + rtmp::fourcc_text(part.codec) + "\""
                                                             : std::to_string(tag.legacy_codec);
  return std::string(video ? "the video codec " : "the audio codec ") + name + " is not supported: send " +
         (video ? "H.264, HEVC, AV1 or VP9" : "AAC, Opus, MP3, FLAC, AC-3 or E-AC-3");
}

}  // namespace millrace::ingest
