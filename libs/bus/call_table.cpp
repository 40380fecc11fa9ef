#include "bus/call_table.hpp"

#include <algorithm>

namespace millrace::bus {
namespace {

constexpr std::size_t kMaxKeyBytes = 128;

// Two kinds of command with the same key are two commands.
std::string memory_key(const v1::Request& request) {
  if (request.idempotency_key().empty()) return {};
  return std::to_string(request.payload_case()) + "/" + request.idempotency_key();
}

}  // namespace

CallTable::Admitted CallTable::admit(const std::string& peer, const v1::Request& request,
                                     std::int64_t deadline_us, std::int64_t now_us) {
  if (request.idempotency_key().size() > kMaxKeyBytes) return {Admission::kBadKey, 0, {}};
  if (deadline_us <= now_us) return {Admission::kExpired, 0, {}};
  forget_old_answers(now_us);
  const std::string key = memory_key(request);
  const auto memory = key.empty() ? memories_.end() : memories_.find(key);
  if (memory != memories_.end() && memory->second.reply) {
    Admitted answered{Admission::kAnswered, 0, *memory->second.reply};
    answered.reply.set_id(request.id());
    return answered;
  }
  if (waiters_.size() >= config_.max_waiting) return {Admission::kOverloaded, 0, {}};
  if (memory != memories_.end()) {
    wait(memory->second.call, peer, request.id(), deadline_us);
    return {Admission::kJoined, 0, {}};
  }
  const std::uint64_t call = ++last_id_;
  calls_[call].key = key;
  if (!key.empty()) remember(key, call, now_us);
  wait(call, peer, request.id(), deadline_us);
  return {Admission::kRun, call, {}};
}

std::vector<OutgoingReply> CallTable::answer(std::uint64_t call, const v1::Reply& reply) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return {};
  const auto memory = memories_.find(found->second.key);
  if (memory != memories_.end() && memory->second.call == call) memory->second.reply = reply;
  std::vector<OutgoingReply> replies;
  for (const std::uint64_t id : found->second.waiters) {
    const auto waiter = waiters_.find(id);
    if (waiter == waiters_.end()) continue;
    OutgoingReply outgoing{std::move(waiter->second.peer), reply};
    outgoing.reply.set_id(waiter->second.request_id);
    replies.push_back(std::move(outgoing));
    deadlines_.remove(waiter->second.deadline_us, id);
    waiters_.erase(waiter);
  }
  calls_.erase(found);
  return replies;
}

void CallTable::abandon(std::uint64_t call) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  const auto memory = memories_.find(found->second.key);
  if (memory != memories_.end() && memory->second.call == call) memories_.erase(memory);
  // The waiters stay in waiters_ and get their "bus.deadline" in time.
  calls_.erase(found);
}

std::optional<OutgoingReply> CallTable::take_due(std::int64_t now_us) {
  const std::optional<std::uint64_t> id = deadlines_.take_due(now_us);
  if (!id) return std::nullopt;
  const auto found = waiters_.find(*id);
  OutgoingReply outgoing{std::move(found->second.peer), {}};
  outgoing.reply.set_id(found->second.request_id);
  outgoing.reply.set_error_code("bus.deadline");
  outgoing.reply.set_error_message("no answer in time");
  const auto call = calls_.find(found->second.call);
  waiters_.erase(found);
  if (call != calls_.end()) {
    std::erase(call->second.waiters, *id);
    // Nobody waits and nobody will ask for the answer again: a late one has no use.
    if (call->second.waiters.empty() && call->second.key.empty()) calls_.erase(call);
  }
  return outgoing;
}

void CallTable::forget_old_answers(std::int64_t now_us) {
  while (!memory_order_.empty()) {
    const auto memory = memories_.find(memory_order_.front().first);
    const bool current = memory != memories_.end() && memory->second.call == memory_order_.front().second;
    if (current && memory->second.forget_us > now_us) return;
    forget_oldest();
  }
}

void CallTable::wait(std::uint64_t call, const std::string& peer, std::uint64_t request_id,
                     std::int64_t deadline_us) {
  const std::uint64_t id = ++last_id_;
  waiters_.emplace(id, Waiter{call, peer, request_id, deadline_us});
  deadlines_.add(deadline_us, id);
  calls_[call].waiters.push_back(id);
}

void CallTable::remember(const std::string& key, std::uint64_t call, std::int64_t now_us) {
  while (memory_order_.size() >= config_.max_answers) forget_oldest();
  memories_.insert_or_assign(key, Memory{call, std::nullopt, now_us + config_.answer_memory_us});
  memory_order_.emplace_back(key, call);
}

void CallTable::forget_oldest() {
  const auto [key, call] = std::move(memory_order_.front());
  memory_order_.pop_front();
  const auto memory = memories_.find(key);
  if (memory == memories_.end() || memory->second.call != call) return;
  memories_.erase(memory);
  const auto running = calls_.find(call);
  if (running == calls_.end()) return;
  running->second.key.clear();
  if (running->second.waiters.empty()) calls_.erase(running);
}

}  // namespace millrace::bus
