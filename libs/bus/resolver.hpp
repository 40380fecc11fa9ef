// Finds the addresses behind configured ones again and again: host names by the system's resolver,
// instances by the sockets in BUS_DIR. Owns two threads, as name servers may take their time: one looks names
// up, the other one looks into the directory and reports.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bus/address.hpp"
#include "bus/endpoints.hpp"

namespace millrace::bus {

// Numbers of a host name; empty: not known now. May block.
using HostResolver = std::function<std::vector<std::string>(const std::string& host)>;
std::vector<std::string> resolve_host(const std::string& host);

// What one configured list stands for now: ipc paths and numeric tcp addresses, without repetitions, in the
// list's order, at most kMaxAddresses. The default instance's ipc sockets are always among those of a
// directory.
std::vector<Address> expand(const std::vector<Address>& list, const std::string& directory,
                            const std::string& service, const HostResolver& resolve);

class Resolver {
 public:
  // A service's addresses, first and whenever they changed; on one thread. Names that were not looked up yet
  // have none.
  using Handler = std::function<void(const std::string& service, std::vector<Address> addresses)>;

  Resolver(EndpointTable table, HostResolver resolve, std::chrono::milliseconds interval, Handler handler);
  ~Resolver();  // stops; waits for the name that is being looked up, and for no further one
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // From now on this one too.
  void follow(const std::string& service);
  // Begins no further look. Any thread.
  void stop();

 private:
  using Hosts = std::map<std::string, std::vector<std::string>>;
  void look_again_and_again();
  void look(const std::string& service, const Hosts& hosts);
  void look_names_up();
  // False: stopped.
  bool look_up(const std::string& host);
  std::vector<std::string> names_of(const std::vector<std::string>& services) const;

  const EndpointTable table_;
  const HostResolver resolve_;
  const std::chrono::milliseconds interval_;
  const Handler handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> services_;
  Hosts hosts_;  // what names stood for
  std::uint64_t hosts_changed_ = 0;
  bool stop_ = false;
  std::map<std::string, std::vector<Address>> known_;  // what was reported; its thread's
  std::thread directories_;
  std::thread names_;
};

}  // namespace millrace::bus
