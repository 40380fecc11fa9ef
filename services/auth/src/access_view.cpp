#include "access_view.hpp"

#include <algorithm>

#include "account_rules.hpp"

namespace millrace::auth {

void Revocations::add(const Revocation& revocation) {
  std::int64_t& at_us = revoked_[revocation.subject];
  if (at_us >= revocation.at_us) return;  // as when all are loaded again
  at_us = revocation.at_us;
  in_order_.emplace_back(revocation.at_us, revocation.subject);
  const std::int64_t oldest_us = memory_us_ == 0 ? 0 : revocation.at_us - memory_us_;
  while (!in_order_.empty() && (in_order_.front().first < oldest_us || in_order_.size() > max_)) {
    const auto& [forgotten_us, subject] = in_order_.front();
    const auto found = revoked_.find(subject);
    const bool is_newest = found != revoked_.end() && found->second == forgotten_us;
    // What a later one repeats or what has expired needs no floor.
    if (is_newest && forgotten_us >= oldest_us) floor_us_ = std::max(floor_us_, forgotten_us);
    if (is_newest) revoked_.erase(found);
    in_order_.pop_front();
  }
}

bool Revocations::refuse(const std::string& subject, std::int64_t issued_us) const {
  if (issued_us <= floor_us_) return true;
  const auto found = revoked_.find(subject);
  return found != revoked_.end() && issued_us <= found->second;
}

void AccessView::load(const std::vector<std::string>& admins, const std::vector<Revocation>& revocations) {
  const std::lock_guard lock(mutex_);
  loaded_ = true;
  admins_ = {admins.begin(), admins.end()};
  std::vector<Revocation> sorted = revocations;
  std::sort(sorted.begin(), sorted.end(),
            [](const Revocation& a, const Revocation& b) { return a.at_us < b.at_us; });
  for (const Revocation& revocation : sorted) add(revocation);
}

void AccessView::revoke(const Revocation& revocation) {
  const std::lock_guard lock(mutex_);
  add(revocation);
}

void AccessView::add(const Revocation& revocation) {
  (is_account_subject(revocation.subject) ? accounts_ : others_).add(revocation);
}

void AccessView::set_admin(const std::string& subject, bool admin) {
  const std::lock_guard lock(mutex_);
  if (admin) {
    admins_.insert(subject);
  } else {
    admins_.erase(subject);
  }
}

AccessView::Standing AccessView::standing(std::string_view subject, std::int64_t issued_us) const {
  const std::lock_guard lock(mutex_);
  if (!loaded_) return Standing::kUnknown;
  const std::string name(subject);
  if ((is_account_subject(subject) ? accounts_ : others_).refuse(name, issued_us)) return Standing::kRefused;
  return admins_.contains(name) ? Standing::kAdmin : Standing::kGood;
}

}  // namespace millrace::auth
