#include "bus/outstanding.hpp"

namespace millrace::bus {

std::optional<std::uint64_t> DeadlineQueue::take_due(std::int64_t now_us) {
  if (next_us() > now_us) return std::nullopt;
  const std::uint64_t id = entries_.begin()->second;
  entries_.erase(entries_.begin());
  return id;
}

void OutstandingRequests::add(OutstandingRequest request) {
  const std::uint64_t id = request.request.id();
  deadlines_.add(request.deadline_us, id);
  requests_.emplace(id, std::move(request));
}

const OutstandingRequest* OutstandingRequests::find(std::uint64_t id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

std::optional<OutstandingRequest> OutstandingRequests::take(std::uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return std::nullopt;
  OutstandingRequest request = std::move(found->second);
  requests_.erase(found);
  deadlines_.remove(request.deadline_us, id);
  return request;
}

std::optional<OutstandingRequest> OutstandingRequests::take_due(std::int64_t now_us) {
  const std::optional<std::uint64_t> id = deadlines_.take_due(now_us);
  return id ? take(*id) : std::nullopt;
}

std::vector<OutstandingRequest> OutstandingRequests::take_all() {
  std::vector<OutstandingRequest> all;
  all.reserve(requests_.size());
  for (auto& [id, request] : requests_) all.push_back(std::move(request));
  requests_.clear();
  deadlines_ = {};
  return all;
}

}  // namespace millrace::bus
