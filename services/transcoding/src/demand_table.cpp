#include "demand_table.hpp"

#include <algorithm>

namespace millrace::transcoding {

void DemandTable::note(PublicationId publication, const std::string& name, std::uint64_t media_sequence,
                       Time now) {
  const auto known = wanted_.find(publication);
  if (known == wanted_.end() && wanted_.size() >= kMostPublications) return;
  auto& renditions = known != wanted_.end() ? known->second : wanted_[publication];
  const auto found = renditions.find(name);
  if (found != renditions.end()) {
    found->second.last = now;
    if (!found->second.told) found->second.from = std::min(found->second.from, media_sequence);
    return;
  }
  if (renditions.size() >= kMostNames) return;
  renditions[name] = {now, media_sequence, false};
}

void DemandTable::look(Time now) {
  for (auto& [publication, renditions] : wanted_)
    std::erase_if(renditions, [&](const auto& entry) { return now - entry.second.last >= linger_; });
  std::erase_if(wanted_, [](const auto& entry) { return entry.second.empty(); });
}

std::optional<Wanted> DemandTable::wanted(PublicationId publication) const {
  const auto found = wanted_.find(publication);
  if (found == wanted_.end()) return std::nullopt;
  Wanted wanted;
  std::optional<std::uint64_t> from;
  for (const auto& [name, rendition] : found->second) {
    wanted.names.insert(name);
    if (!rendition.told) from = std::min(from.value_or(rendition.from), rendition.from);
  }
  wanted.from = from.value_or(0);
  return wanted;
}

void DemandTable::told(PublicationId publication) {
  const auto found = wanted_.find(publication);
  if (found == wanted_.end()) return;
  for (auto& [name, rendition] : found->second) rendition.told = true;
}

std::size_t DemandTable::renditions() const {
  std::size_t count = 0;
  for (const auto& [publication, renditions] : wanted_) count += renditions.size();
  return count;
}

}  // namespace millrace::transcoding
