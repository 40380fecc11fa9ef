#include "publish/refusals.hpp"

#include <algorithm>

namespace millrace::ingest {

bool Refusals::suspect(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string_view reason,
                       std::int64_t now_us) {
  const auto found = std::find_if(suspects_.begin(), suspects_.end(), [&](const Suspect& suspect) {
    return suspect.type == tag.type && suspect.track_id == part.track_id;
  });
  if (found == suspects_.end()) {
    if (suspects_.size() < kMax) suspects_.push_back({tag.type, part.track_id, now_us});
    return false;
  }
  if (now_us - found->since_us < kPatienceUs) return false;
  add(tag, part, std::string(reason), found->since_us);
  return true;
}

void Refusals::trust(const rtmp::MediaTag& tag, const rtmp::TagPart& part) {
  std::erase_if(suspects_, [&](const Suspect& suspect) {
    return suspect.type == tag.type && suspect.track_id == part.track_id;
  });
  for (Refused& refused : refused_) {
    if (refused.type == tag.type && refused.track_id == part.track_id) refused.in_force = false;
  }
}

std::size_t Refusals::count() const {
  return static_cast<std::size_t>(std::count_if(refused_.begin(), refused_.end(),
                                                [](const Refused& refused) { return refused.in_force; }));
}

void Refusals::add(const rtmp::MediaTag& tag, const rtmp::TagPart& part, std::string reason,
                   std::int64_t since_us) {
  const auto known = std::find_if(refused_.begin(), refused_.end(), [&](const Refused& refused) {
    return refused.type == tag.type && refused.track_id == part.track_id && refused.codec == part.codec;
  });
  if (known != refused_.end()) known->in_force = true;
  if (known != refused_.end() || refused_.size() == kMax) return;
  since_us_ = refused_.empty() ? since_us : std::min(since_us_, since_us);
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
