// The directory of the ipc sockets and the lock that says who owns an instance's sockets there.
#pragma once

#include <string>

#include "base/result.hpp"
#include "bus/address.hpp"

namespace millrace::bus {

// Holds an exclusive lock for as long as it lives; the kernel drops it with the process, however that ends.
class InstanceLock {
 public:
  InstanceLock() = default;
  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) noexcept;
  ~InstanceLock();

  // "bus.in_use" when another process has it: ZeroMQ itself would take its sockets away without a word.
  static Result<InstanceLock> take(const std::string& directory, const PeerName& name);

 private:
  int fd_ = -1;
};

// Makes the directory (and what is above it), ours alone: mode 0700. "bus.directory" when it belongs to
// somebody else and others may write to it.
Result<void> prepare_directory(const std::string& directory);

}  // namespace millrace::bus
