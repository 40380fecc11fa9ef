#include "server/admission.hpp"

#include <algorithm>

namespace millrace::ingest {

Admission::Place& Admission::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  leave();
  admission_ = std::exchange(other.admission_, nullptr);
  address_ = other.address_;
  return *this;
}

bool Admission::Place::charge(std::int64_t bytes, std::int64_t now_us) {
  return admission_ == nullptr || admission_->charge(address_, bytes, now_us);
}

void Admission::Place::leave() {
  if (Admission* const admission = std::exchange(admission_, nullptr)) admission->leave(address_);
}

std::optional<Admission::Place> Admission::admit(const net::IpAddress& address, std::int64_t now_us) {
  if (limits_.whitelist.contains(address)) return Place();
  const net::IpAddress counted = address.customer();
  const std::lock_guard lock(mutex_);
  const auto [entry, added] = addresses_.try_emplace(counted, Address{0, limits_.bytes, now_us});
  Address& state = entry->second;
  fill(state, now_us);
  if (state.bytes_left <= 0) return std::nullopt;
  if (limits_.connections > 0 && state.connections >= limits_.connections) return std::nullopt;
  if (!added && state.connections == 0) --idle_;
  ++state.connections;
  return Place(*this, counted);
}

void Admission::fill(Address& address, std::int64_t now_us) const {
  constexpr std::int64_t kSecond = 1'000'000;
  // More than this long ago it is whole in any case.
  const std::int64_t passed =
      std::clamp(now_us - address.filled_us, std::int64_t{0}, std::int64_t{3600} * kSecond);
  const std::int64_t grown = passed * limits_.bytes_per_second / kSecond;
  if (grown == 0) return;
  address.bytes_left = std::min(limits_.bytes, address.bytes_left + grown);
  address.filled_us = now_us;
}

bool Admission::charge(const net::IpAddress& address, std::int64_t bytes, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto entry = addresses_.find(address);
  if (entry == addresses_.end()) return true;
  fill(entry->second, now_us);
  // One read can't put an address into debt for hours.
  entry->second.bytes_left = std::max(entry->second.bytes_left - bytes, -limits_.bytes);
  return entry->second.bytes_left > 0;
}

void Admission::leave(const net::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto entry = addresses_.find(address);
  if (entry == addresses_.end() || --entry->second.connections > 0) return;
  if (entry->second.bytes_left >= limits_.bytes || idle_ >= kMaxIdle) {
    addresses_.erase(entry);
  } else {
    ++idle_;
  }
}

void Admission::forget(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (idle_ == 0) return;
  for (auto entry = addresses_.begin(); entry != addresses_.end();) {
    Address& state = entry->second;
    if (state.connections == 0) fill(state, now_us);
    const bool whole = state.connections == 0 && state.bytes_left >= limits_.bytes;
    if (whole) --idle_;
    entry = whole ? addresses_.erase(entry) : std::next(entry);
  }
}

std::size_t Admission::remembered() const {
  const std::lock_guard lock(mutex_);
  return addresses_.size();
}

}  // namespace millrace::ingest
