#include "bus/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/survive.hpp"

namespace millrace::bus {
namespace {

constexpr std::string_view kSuffix = ".commands";

void add(std::vector<Address>& to, Address address) {
  if (to.size() < kMaxAddresses && std::find(to.begin(), to.end(), address) == to.end())
    to.push_back(std::move(address));
}

// The instances of a service whose sockets are there, in the order of their names.
void add_directory(std::vector<Address>& to, const std::string& directory, const std::string& service) {
  std::vector<std::string> instances;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with(service + ".") || !name.ends_with(kSuffix)) continue;
    if (name.size() <= service.size() + 1 + kSuffix.size()) continue;  // the default instance's
    name = name.substr(service.size() + 1, name.size() - service.size() - 1 - kSuffix.size());
    if (is_instance_name(name)) instances.push_back(std::move(name));
  }
  std::sort(instances.begin(), instances.end());
  instances.insert(instances.begin(), std::string(kDefaultInstance));
  for (std::string& instance : instances) {
    if (const Result<Address> found = ipc_address(directory, {service, std::move(instance)})) add(to, *found);
  }
}

}  // namespace

std::vector<std::string> resolve_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  std::vector<std::string> numbers;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      numbers.emplace_back(text);
  }
  ::freeaddrinfo(found);
  // Name servers turn the order round; the same set must be the same list.
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<Address> expand(const std::vector<Address>& list, const std::string& directory,
                            const std::string& service, const HostResolver& resolve) {
  std::vector<Address> addresses;
  for (const Address& address : list) {
    if (address.kind == Address::Kind::kDirectory) {
      add_directory(addresses, directory, service);
    } else if (address.kind == Address::Kind::kIpc || is_number(address.host)) {
      add(addresses, address);
    } else if (resolve) {
      for (std::string& number : resolve(address.host)) {
        Address found{Address::Kind::kTcp, std::move(number), address.port};
        // A name of this machine is plain for that reason only.
        if (is_loopback(found) || !is_loopback(address)) add(addresses, std::move(found));
      }
    }
  }
  return addresses;
}

Resolver::Resolver(EndpointTable table, HostResolver resolve, std::chrono::milliseconds interval,
                   Handler handler)
    : table_(std::move(table)),
      resolve_(std::move(resolve)),
      interval_(interval),
      handler_(std::move(handler)) {
  // Signals belong to the service's signal thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  directories_ = std::thread([this] { look_again_and_again(); });
  names_ = std::thread([this] { look_names_up(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Resolver::~Resolver() {
  stop();
  directories_.join();
  names_.join();
}

void Resolver::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

void Resolver::follow(const std::string& service) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(services_.begin(), services_.end(), service) != services_.end()) return;
    services_.push_back(service);
  }
  changed_.notify_all();
}

void Resolver::look_again_and_again() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const std::vector<std::string> services = services_;
    const Hosts hosts = hosts_;
    const std::uint64_t hosts_changed = hosts_changed_;
    lock.unlock();
    for (const std::string& service : services) (void)survives("bus resolver", [&] { look(service, hosts); });
    lock.lock();
    changed_.wait_for(lock, interval_, [&] {
      return stop_ || services_.size() != services.size() || hosts_changed_ != hosts_changed;
    });
  }
}

void Resolver::look(const std::string& service, const Hosts& hosts) {
  const HostResolver known_numbers = [&hosts](const std::string& host) {
    const auto found = hosts.find(host);
    return found == hosts.end() ? std::vector<std::string>{} : found->second;
  };
  std::vector<Address> now = expand(table_.peers.at(service), table_.directory, service, known_numbers);
  const auto before = known_.find(service);
  if (before != known_.end() && before->second == now) return;
  known_[service] = now;
  handler_(service, std::move(now));
}

void Resolver::look_names_up() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const std::vector<std::string> services = services_;
    lock.unlock();
    for (const std::string& host : names_of(services)) {
      if (!look_up(host)) return;
    }
    lock.lock();
    changed_.wait_for(lock, interval_, [&] { return stop_ || services_.size() != services.size(); });
  }
}

std::vector<std::string> Resolver::names_of(const std::vector<std::string>& services) const {
  std::vector<std::string> names;
  for (const std::string& service : services) {
    for (const Address& address : table_.peers.at(service)) {
      const bool is_name = address.kind == Address::Kind::kTcp && !is_number(address.host);
      if (is_name && std::find(names.begin(), names.end(), address.host) == names.end())
        names.push_back(address.host);
    }
  }
  return names;
}

bool Resolver::look_up(const std::string& host) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
  }
  std::vector<std::string> numbers;
  (void)survives("bus resolver", [&] { numbers = resolve_(host); });
  // A name that can't be looked up now keeps the numbers it had.
  if (numbers.empty()) return true;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::string>& before = hosts_[host];
    if (before == numbers) return true;
    before = std::move(numbers);
    ++hosts_changed_;
  }
  changed_.notify_all();
  return true;
}

}  // namespace millrace::bus
