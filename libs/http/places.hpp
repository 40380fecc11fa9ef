// The places of a server: so many connections together, so many of one customer (an IPv4 address, or the /64
// of an IPv6 one). A proxy's connection takes a place, but of no customer: many clients share it. When it
// becomes one client's (a stream, a WebSocket) it is counted for that one until that ends.
//
// Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::http {

class Places : public std::enable_shared_from_this<Places> {
 public:
  // of_one_customer: 0 is no such limit.
  Places(std::size_t all, std::size_t of_one_customer) : all_(all), of_one_customer_(of_one_customer) {}

  // Held by a connection as long as it lives.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept;
    ~Place() { leave(); }

    // From now on it is the place of one client. False, and nothing has changed: that one has too many.
    [[nodiscard]] bool becomes_of(std::string_view client);
    // The connection goes on: a proxy's is again of no customer.
    void becomes_shared();

   private:
    friend class Places;
    Place(std::shared_ptr<Places> places, std::string customer)
        : places_(std::move(places)), is_proxys_(customer.empty()), customer_(std::move(customer)) {}
    void leave();

    std::shared_ptr<Places> places_;
    bool is_proxys_ = false;
    std::string customer_;  // empty: none
  };

  // nullopt: there is none left.
  std::optional<Place> take(std::string_view client);
  std::optional<Place> take_for_proxy() { return take({}); }
  std::size_t taken() const;
  // False when some are still taken then.
  bool wait_until_empty(std::chrono::milliseconds patience);

 private:
  bool count(const std::string& customer);
  void discount(const std::string& customer);
  void leave(const std::string& customer);

  const std::size_t all_;
  const std::size_t of_one_customer_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable empty_;
  std::size_t taken_ = 0;
  std::map<std::string, std::size_t> by_customer_;
};

}  // namespace millrace::http
