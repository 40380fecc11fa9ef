#include "confinement.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
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
    __NR_accept,
    __NR_accept4,
    __NR_sendto,
    __NR_sendmsg,
    __NR_sendmmsg,
    __NR_execve,
    __NR_execveat,
#ifdef __NR_fork
    __NR_fork,
    __NR_vfork,
#endif
    __NR_ptrace,
    __NR_process_vm_readv,
    __NR_process_vm_writev,
    __NR_process_madvise,
    __NR_kcmp,
    __NR_kill,
    __NR_tkill,
    __NR_rt_sigqueueinfo,
    __NR_rt_tgsigqueueinfo,
    __NR_pidfd_open,
    __NR_pidfd_getfd,
    __NR_pidfd_send_signal,
    __NR_setuid,
    __NR_setgid,
    __NR_setreuid,
    __NR_setregid,
    __NR_setresuid,
    __NR_setresgid,
    __NR_setfsuid,
    __NR_setfsgid,
    __NR_setgroups,
    __NR_capset,
    __NR_unshare,
    __NR_setns,
    __NR_mount,
    __NR_umount2,
    __NR_pivot_root,
    __NR_chroot,
    __NR_fsopen,
    __NR_fspick,
    __NR_fsmount,
    __NR_move_mount,
    __NR_open_tree,
    __NR_mount_setattr,
    __NR_bpf,
    __NR_perf_event_open,
    __NR_userfaultfd,
    __NR_io_uring_setup,
    __NR_io_uring_enter,
    __NR_io_uring_register,
    __NR_keyctl,
    __NR_add_key,
    __NR_request_key,
    __NR_init_module,
    __NR_finit_module,
    __NR_delete_module,
    __NR_kexec_load,
    __NR_kexec_file_load,
    __NR_reboot,
    __NR_swapon,
    __NR_swapoff,
};

using Program = std::vector<sock_filter>;

void load(Program& program, std::size_t offset) {
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}

void answer(Program& program, std::uint32_t action) {
  program.push_back(BPF_STMT(BPF_RET | BPF_K, action));
}

constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;

// Precondition here and below: the call's number is loaded.
void refuse(Program& program, std::uint32_t number, std::uint32_t action = kRefuse) {
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
  answer(program, action);
}

// Of a call only what an argument allows. Its lower half is loaded: flags, ids and commands are no longer.
// tests: of the argument, jumping within themselves and the two answers that follow, to let it pass and not.
void judge(Program& program, std::uint32_t number, unsigned argument, const Program& tests) {
  Program judgement;
  load(judgement, offsetof(seccomp_data, args) + sizeof(std::uint64_t) * argument);
  judgement.insert(judgement.end(), tests.begin(), tests.end());
  answer(judgement, SECCOMP_RET_ALLOW);
  answer(judgement, kRefuse);
  program.push_back(
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, static_cast<std::uint8_t>(judgement.size())));
  program.insert(program.end(), judgement.begin(), judgement.end());
}

// What this process needs of calls that could do more.
void allow_own(Program& program) {
  const auto self = static_cast<std::uint32_t>(::getpid());
  constexpr std::uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                        CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  // abort() ends in it.
  judge(program, __NR_tgkill, 0, {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, self, 0, 1)});
  // Threads.
  judge(program, __NR_clone, 0,
        {BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNamespaces, 2, 0),
         BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1)});
  // Its flags are in memory, where no filter sees them; libc takes clone where there is no clone3.
  refuse(program, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS);
  // Signals to others by way of a file.
  judge(program, __NR_fcntl, 1,
        {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETOWN, 2, 0),
         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETOWN_EX, 1, 0)});
  judge(program, __NR_prlimit64, 0, {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1)});
}

Program filter_program() {
  Program program;
  load(program, offsetof(seccomp_data, arch));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  answer(program, SECCOMP_RET_KILL_PROCESS);
  load(program, offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  // The same calls again by other numbers: x32.
  constexpr std::uint32_t kX32 = 0x4000'0000;
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1));
  answer(program, kRefuse);
#endif
  for (const int number : kRefused) refuse(program, static_cast<std::uint32_t>(number));
  allow_own(program);
  answer(program, SECCOMP_RET_ALLOW);
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
  Program program = filter_program();
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
    return refused("seccomp");
  return {};
}

}  // namespace millrace::transcoding
