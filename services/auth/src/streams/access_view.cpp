#include "streams/access_view.hpp"

#include <algorithm>

#include "accounts/account_rules.hpp"

namespace millrace::auth {

void Revocations::add(const Revocation& revocation) {
  WallTime& at = revoked_[revocation.subject];
  if (at >= revocation.at) return;  // as when all are loaded again
  at = revocation.at;
  in_order_.emplace_back(revocation.at, revocation.subject);
  const WallTime oldest = memory_us_ == 0 ? WallTime() : revocation.at - memory_us_;
  while (!in_order_.empty() && (in_order_.front().first < oldest || in_order_.size() > max_)) {
    const auto& [forgotten, subject] = in_order_.front();
    const auto found = revoked_.find(subject);
    const bool is_newest = found != revoked_.end() && found->second == forgotten;
    // What a later one repeats or what has expired needs no floor.
    if (is_newest && forgotten >= oldest) floor_ = std::max(floor_, forgotten);
    if (is_newest) revoked_.erase(found);
    in_order_.pop_front();
  }
}

bool Revocations::refuse(const std::string& subject, WallTime issued) const {
  if (issued <= floor_) return true;
  const auto found = revoked_.find(subject);
  return found != revoked_.end() && issued <= found->second;
}

void AccessView::load(const std::vector<std::string>& admins, const std::vector<Revocation>& revocations) {
  const std::lock_guard lock(mutex_);
  loaded_ = true;
  admins_ = {admins.begin(), admins.end()};
  std::vector<Revocation> sorted = revocations;
  std::sort(sorted.begin(), sorted.end(),
            [](const Revocation& a, const Revocation& b) { return a.at < b.at; });
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

AccessView::Standing AccessView::standing(std::string_view subject, WallTime issued) const {
  const std::lock_guard lock(mutex_);
  if (!loaded_) return Standing::kUnknown;
  const std::string name(subject);
  if ((is_account_subject(subject) ? accounts_ : others_).refuse(name, issued)) return Standing::kRefused;
  return admins_.contains(name) ? Standing::kAdmin : Standing::kGood;
}

}  // namespace millrace::auth
