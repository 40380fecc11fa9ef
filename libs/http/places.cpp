#include "http/places.hpp"

#include <utility>

#include "net/ip_network.hpp"

namespace millrace::http {

Places::Place& Places::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  leave();
  places_ = std::move(other.places_);
  is_proxys_ = other.is_proxys_;
  customer_ = std::move(other.customer_);
  return *this;
}

bool Places::Place::becomes_of(std::string_view client) {
  if (!places_ || !customer_.empty()) return true;
  std::string customer = net::customer_of(client);
  const std::lock_guard lock(places_->mutex_);
  if (!places_->count(customer)) return false;
  customer_ = std::move(customer);
  return true;
}

void Places::Place::becomes_shared() {
  if (!places_ || !is_proxys_) return;
  const std::lock_guard lock(places_->mutex_);
  places_->discount(std::exchange(customer_, {}));
}

void Places::Place::leave() {
  if (const std::shared_ptr<Places> places = std::exchange(places_, nullptr)) places->leave(customer_);
}

std::optional<Places::Place> Places::take(std::string_view client) {
  std::string customer = net::customer_of(client);
  const std::lock_guard lock(mutex_);
  if (taken_ >= all_ || !count(customer)) return std::nullopt;
  ++taken_;
  return Place(shared_from_this(), std::move(customer));
}

// Under the lock.
bool Places::count(const std::string& customer) {
  if (customer.empty()) return true;
  const auto known = by_customer_.find(customer);
  if (known == by_customer_.end()) {
    by_customer_.emplace(customer, 1);
    return true;
  }
  if (of_one_customer_ > 0 && known->second >= of_one_customer_) return false;
  ++known->second;
  return true;
}

// Under the lock.
void Places::discount(const std::string& customer) {
  const auto known = by_customer_.find(customer);
  if (known != by_customer_.end() && --known->second == 0) by_customer_.erase(known);
}

void Places::leave(const std::string& customer) {
  const std::lock_guard lock(mutex_);
  discount(customer);
  if (--taken_ == 0) empty_.notify_all();
}

std::size_t Places::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

bool Places::wait_until_empty(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, patience, [this] { return taken_ == 0; });
}

}  // namespace millrace::http
