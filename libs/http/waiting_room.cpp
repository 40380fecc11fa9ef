#include "http/waiting_room.hpp"

#include <algorithm>
#include <utility>

#include "base/survive.hpp"
#include "net/ip_network.hpp"

namespace millrace::http {

template <class MayLeave>
void WaitingRoom::leave_if(Line& line, Line& leaving, const MayLeave& may_leave) {
  const auto stays = [&](const WaiterPtr& waiter) { return !may_leave(*waiter); };
  const auto first = std::stable_partition(line.begin(), line.end(), stays);
  leaving.reserve(leaving.size() + static_cast<std::size_t>(line.end() - first));
  for (auto next = first; next != line.end(); ++next) {
    const auto customer = by_customer_.find((*next)->customer);
    if (--customer->second == 0) by_customer_.erase(customer);
    --waiting_;
    (*next)->left = true;
    leaving.push_back(std::move(*next));
  }
  line.erase(first, line.end());
}

template <class MayLeave>
WaitingRoom::Line WaitingRoom::leave_if(const MayLeave& may_leave) {
  Line leaving;
  const std::lock_guard lock(mutex_);
  for (auto topic = topics_.begin(); topic != topics_.end();) {
    for (auto& [answer, line] : topic->second) leave_if(line, leaving, may_leave);
    std::erase_if(topic->second, [](const auto& named) { return named.second.empty(); });
    topic = topic->second.empty() ? topics_.erase(topic) : std::next(topic);
  }
  return leaving;
}

bool WaitingRoom::line_up(std::string_view topic, std::string_view answer, const WaiterPtr& waiter) {
  const std::lock_guard lock(mutex_);
  if (draining_ || waiting_ >= limits_.total) return false;
  const auto known = by_customer_.find(waiter->customer);
  if (known != by_customer_.end() && limits_.per_address > 0 && known->second >= limits_.per_address)
    return false;
  std::size_t& of_customer = by_customer_[waiter->customer];
  topics_[std::string(topic)][std::string(answer)].push_back(waiter);
  ++of_customer;
  ++waiting_;
  return true;
}

bool WaitingRoom::wait(std::string_view topic, const std::string& address, Responder responder,
                       std::int64_t deadline_us, Ready ready, Response expired, std::string_view answer) {
  const auto waiter = std::make_shared<Waiter>(Waiter{std::move(responder), deadline_us, std::move(ready),
                                                      std::move(expired), net::customer_of(address)});
  if (!line_up(topic, answer, waiter)) return false;
  waiter->responder.allow_until(deadline_us);
  attempt(topic, {waiter});
  return true;
}

void WaitingRoom::wake(std::string_view topic) {
  if (const Line waiters = candidates(topic); !waiters.empty()) attempt(topic, waiters);
}

void WaitingRoom::wake_all() {
  std::vector<std::string> topics;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [topic, lines] : topics_) topics.push_back(topic);
  }
  for (const std::string& topic : topics) wake(topic);
}

WaitingRoom::Line WaitingRoom::candidates(std::string_view topic) {
  Line out;
  const std::lock_guard lock(mutex_);
  const auto known = topics_.find(topic);
  if (known == topics_.end()) return out;
  for (const auto& [answer, line] : known->second) {
    for (const WaiterPtr& waiter : line) {
      if (!waiter->responder.connected()) continue;
      out.push_back(waiter);
      if (!answer.empty()) break;
    }
  }
  return out;
}

void WaitingRoom::attempt(std::string_view topic, const Line& candidates) {
  std::vector<std::pair<WaiterPtr, std::shared_ptr<const Response>>> ready;
  for (const WaiterPtr& waiter : candidates) {
    (void)survives("waiting room", [&] {
      if (std::optional<Response> response = waiter->ready())
        ready.emplace_back(waiter, std::make_shared<const Response>(std::move(*response)));
    });
  }
  if (ready.empty()) return;
  Line leaving;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [waiter, response] : ready)
      if (!waiter->left) waiter->answer = std::move(response);
    leaving = ready_ones(topic);
  }
  std::vector<Responder::Answer> answers;
  answers.reserve(leaving.size());
  for (const WaiterPtr& waiter : leaving) answers.push_back({waiter->responder, waiter->answer});
  Responder::answer_all(std::move(answers));
}

WaitingRoom::Line WaitingRoom::ready_ones(std::string_view topic) {
  Line leaving;
  const auto known = topics_.find(topic);
  if (known == topics_.end()) return leaving;
  const auto is_ready = [](const Waiter& waiter) { return waiter.answer != nullptr; };
  for (auto& [answer, line] : known->second) {
    if (!answer.empty()) {
      const auto first =
          std::find_if(line.begin(), line.end(), [&](const WaiterPtr& waiter) { return is_ready(*waiter); });
      if (first == line.end()) continue;
      const std::shared_ptr<const Response> response = (*first)->answer;
      for (const WaiterPtr& waiter : line) waiter->answer = response;
    }
    leave_if(line, leaving, is_ready);
  }
  std::erase_if(known->second, [](const auto& named) { return named.second.empty(); });
  if (known->second.empty()) topics_.erase(known);
  return leaving;
}

void WaitingRoom::sweep(std::int64_t now_us) {
  answer_expired(leave_if([now_us](const Waiter& waiter) {
    return waiter.deadline_us <= now_us || !waiter.responder.connected();
  }));
}

void WaitingRoom::drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  answer_expired(leave_if([](const Waiter&) { return true; }));
}

void WaitingRoom::answer_expired(const Line& leaving) {
  std::vector<Responder::Answer> answers;
  answers.reserve(leaving.size());
  for (const WaiterPtr& waiter : leaving) {
    if (waiter->responder.connected())
      answers.push_back({waiter->responder, std::make_shared<const Response>(std::move(waiter->expired))});
  }
  Responder::answer_all(std::move(answers));
}

std::size_t WaitingRoom::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace millrace::http
