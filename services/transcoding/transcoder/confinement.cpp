#include "confinement.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace millrace::transcoding {
namespace {

tl::unexpected<Error> refused(const char* what) {
  return fail("transcoding.confine", std::string(what) + ": " + std::strerror(errno));
}

// Address space that is mapped now; 0: not known.
std::uint64_t mapped_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  file >> pages;
  return file ? pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

Result<void> limit(__rlimit_resource resource, std::uint64_t most, const char* what) {
  const rlimit limits{most, most};
  if (::setrlimit(resource, &limits) != 0) return refused(what);
  return {};
}

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Networks, programs, other processes, rights, mounts, modules, kernel interfaces that nobody here needs.
constexpr std::array kRefused = {
    __NR_socket,
    __NR_socketpair,
    __NR_connect,
    __NR_bind,
    __NR_listen,
    __NR_accept4,
    __NR_sendto,
    __NR_sendmsg,
    __NR_execve,
    __NR_execveat,
    __NR_ptrace,
    __NR_process_vm_readv,
    __NR_process_vm_writev,
    __NR_kill,
    __NR_tkill,
    __NR_pidfd_open,
    __NR_pidfd_send_signal,
    __NR_setuid,
    __NR_setgid,
    __NR_setresuid,
    __NR_setresgid,
    __NR_capset,
    __NR_unshare,
    __NR_setns,
    __NR_mount,
    __NR_umount2,
    __NR_pivot_root,
    __NR_chroot,
    __NR_bpf,
    __NR_perf_event_open,
    __NR_userfaultfd,
    __NR_io_uring_setup,
    __NR_keyctl,
    __NR_add_key,
    __NR_request_key,
    __NR_init_module,
    __NR_finit_module,
    __NR_kexec_load,
    __NR_reboot,
    __NR_swapon,
};

// One comparison a call: equal jumps to the refusal at the end.
std::vector<sock_filter> filter_program() {
  constexpr auto kNumberAt = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
  constexpr auto kArchitectureAt = static_cast<std::uint32_t>(offsetof(seccomp_data, arch));
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArchitectureAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumberAt),
  };
  for (std::size_t i = 0; i < kRefused.size(); ++i) {
    const auto to_refusal = static_cast<std::uint8_t>(kRefused.size() - i);
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(kRefused[i]), to_refusal, 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  return program;
}

}  // namespace

Result<void> confine(std::uint64_t extra_bytes, int nice) {
  // Each thread would reserve 128 MiB of address space for itself.
  constexpr int kHeaps = 2;
  ::mallopt(M_ARENA_MAX, kHeaps);
  errno = 0;
  if (nice != 0 && ::nice(nice) == -1 && errno != 0) return refused("nice");
  if (Result<void> set = limit(RLIMIT_CORE, 0, "core files"); !set) return set;
  const std::uint64_t mapped = mapped_bytes();
  if (extra_bytes == 0 || mapped == 0) return {};
  return limit(RLIMIT_AS, mapped + extra_bytes, "address space");
}

Result<void> end_with_parent() {
  const pid_t parent = ::getppid();
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return refused("signal of the parent's end");
  if (::getppid() != parent) ::raise(SIGTERM);
  return {};
}

Result<void> refuse_system_calls() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("no new privileges");
  std::vector<sock_filter> program = filter_program();
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
    return refused("seccomp");
  return {};
}

}  // namespace millrace::transcoding
