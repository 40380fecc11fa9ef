#include "rendition_plan.hpp"

#include <algorithm>

namespace millrace::packaging {

const PlannedRendition* RenditionPlan::find(const RenditionName& name) const {
  const auto found = std::find_if(renditions.begin(), renditions.end(),
                                  [&](const PlannedRendition& planned) { return planned.name == name; });
  return found == renditions.end() ? nullptr : &*found;
}

void RenditionPlans::set(const std::string& stream_id, const std::string& instance,
                         std::shared_ptr<const RenditionPlan> plan) {
  const std::lock_guard lock(mutex_);
  if (plans_.size() >= kMostStreams && !plans_.contains(stream_id)) return;
  plans_[stream_id] = {std::move(plan), instance};
}

void RenditionPlans::end(const std::string& stream_id, PublicationId publication_id) {
  const std::lock_guard lock(mutex_);
  const auto found = plans_.find(stream_id);
  if (found != plans_.end() && found->second.plan->publication_id == publication_id) plans_.erase(found);
}

void RenditionPlans::begin_again(const std::string& instance, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  for (auto& [stream_id, entry] : plans_) {
    if (entry.instance == instance && entry.until_us == 0) entry.until_us = now_us + kStandsUs;
  }
}

void RenditionPlans::look(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  std::erase_if(plans_, [&](const auto& entry) {
    return entry.second.until_us != 0 && entry.second.until_us <= now_us;
  });
}

std::shared_ptr<const RenditionPlan> RenditionPlans::find(const std::string& stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = plans_.find(stream_id);
  return found == plans_.end() ? nullptr : found->second.plan;
}

}  // namespace millrace::packaging
