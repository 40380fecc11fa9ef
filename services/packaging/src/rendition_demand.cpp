#include "rendition_demand.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSweepUs = 1'000'000;

}  // namespace

void RenditionDemand::ask(const Asked& asked) {
  {
    const std::lock_guard lock(mutex_);
    if (!note(asked)) return;
    newest_us_ = asked.now_us;
  }
  if (tell_)
    tell_({std::string(asked.stream_id),
           asked.publication_id,
           {{std::string(asked.rendition), asked.media_sequence}}});
}

bool RenditionDemand::note(const Asked& asked) {
  auto found = streams_.find(asked.stream_id);
  if (found == streams_.end()) {
    if (streams_.size() >= kMostStreams) return false;
    found = streams_.emplace(std::string(asked.stream_id), Stream{asked.publication_id}).first;
  }
  Stream& stream = found->second;
  if (stream.publication_id != asked.publication_id) stream = {asked.publication_id};
  auto known = stream.renditions.find(asked.rendition);
  const bool is_new = known == stream.renditions.end();
  if (is_new) {
    if (stream.renditions.size() >= kMostRenditions) return false;
    known = stream.renditions.emplace(std::string(asked.rendition), Rendition{}).first;
  }
  Rendition& rendition = known->second;
  rendition.expires_us = std::max(rendition.expires_us, asked.expires_us);
  if (asked.media_sequence != 0)
    rendition.media_sequence = rendition.media_sequence == 0
                                   ? asked.media_sequence
                                   : std::min(rendition.media_sequence, asked.media_sequence);
  return is_new;
}

void RenditionDemand::read(const Asked& asked, std::string_view address, std::string_view viewer) {
  if (has_read(asked, address, viewer)) ask(asked);
}

bool RenditionDemand::has_read(const Asked& asked, std::string_view address, std::string_view viewer) {
  std::string who;
  for (const std::string_view part : {asked.stream_id, asked.rendition, address, viewer})
    who.append(part).push_back('\0');
  const std::uint64_t key = siphash(key_, as_bytes(who));
  const std::lock_guard lock(mutex_);
  if (readers_.size() >= kMostReaders && asked.now_us - swept_us_ >= kSweepUs) {
    swept_us_ = asked.now_us;
    std::erase_if(readers_, [&](const auto& reader) { return reader.second <= asked.now_us; });
  }
  const auto known = readers_.find(key);
  if (known == readers_.end()) {
    if (readers_.size() < kMostReaders) readers_.emplace(key, asked.expires_us);
    return false;
  }
  const bool lately = known->second > asked.now_us;
  known->second = asked.expires_us;
  return lately;
}

std::vector<RenditionDemand::Watched> RenditionDemand::collect(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  std::vector<Watched> all;
  for (auto& [stream_id, stream] : streams_) {
    std::erase_if(stream.renditions, [&](const auto& entry) { return entry.second.expires_us <= now_us; });
    Watched watched{stream_id, stream.publication_id};
    for (auto& [name, rendition] : stream.renditions)
      watched.renditions.emplace(name, std::exchange(rendition.media_sequence, 0));
    if (!watched.renditions.empty()) all.push_back(std::move(watched));
  }
  std::erase_if(streams_, [](const auto& entry) { return entry.second.renditions.empty(); });
  return all;
}

std::int64_t RenditionDemand::newest_us() const {
  const std::lock_guard lock(mutex_);
  return newest_us_;
}

}  // namespace millrace::packaging
