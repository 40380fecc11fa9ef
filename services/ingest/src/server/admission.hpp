// How much one client address may ask of the server before anybody knows who it is: connections at a time,
// over all shards and both ports, and bytes before publish or play is accepted.
//
// An address stands for its customer (net::IpAddress::customer). Addresses of the whitelist are not counted.
//
// Policies: over the number of connections a new one is refused; over the bytes the connection that sent them
// is closed, and new ones are refused until the budget has grown again. The table is bounded: an address
// without connections is forgotten when its budget is whole, or at kMaxIdle at once.
//
// Sans-IO: time is passed in. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "net/ip_network.hpp"

namespace millrace::ingest {

struct AdmissionLimits {
  // Of one address at a time; 0 or less: as many as it likes.
  std::int64_t connections = 4;
  net::IpNetworks whitelist;
  // Before acceptance, of all connections of an address: so many at once, and so many more a second.
  std::int64_t bytes = 1 << 20;
  std::int64_t bytes_per_second = 64 << 10;
};

class Admission {
 public:
  static constexpr std::size_t kMaxIdle = 65'536;

  // Held by a connection as long as it lives; moving it moves the place. An empty one is of an address that
  // is not counted.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), address_(other.address_) {}
    Place& operator=(Place&& other) noexcept;
    ~Place() { leave(); }

    // The connection has received so many bytes without being accepted. False: the budget is used up.
    [[nodiscard]] bool charge(std::int64_t bytes, std::int64_t now_us);

   private:
    friend class Admission;
    Place(Admission& admission, const net::IpAddress& address) : admission_(&admission), address_(address) {}
    void leave();

    Admission* admission_ = nullptr;
    net::IpAddress address_;
  };

  explicit Admission(AdmissionLimits limits) : limits_(std::move(limits)) {}

  // nullopt: over a limit.
  std::optional<Place> admit(const net::IpAddress& address, std::int64_t now_us);
  // Forgets whom nothing needs to be remembered of; every few seconds.
  void forget(std::int64_t now_us);
  std::size_t remembered() const;

 private:
  struct Address {
    std::int64_t connections = 0;
    std::int64_t bytes_left = 0;
    std::int64_t filled_us = 0;  // when bytes_left was true
  };

  void fill(Address& address, std::int64_t now_us) const;
  void leave(const net::IpAddress& address);
  bool charge(const net::IpAddress& address, std::int64_t bytes, std::int64_t now_us);

  const AdmissionLimits limits_;
  mutable std::mutex mutex_;
  std::map<net::IpAddress, Address> addresses_;
  std::size_t idle_ = 0;  // without connections
};

}  // namespace millrace::ingest
