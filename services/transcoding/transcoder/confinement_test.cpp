// Each test confines a child of its own, as it is for good.
#include "confinement.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

namespace millrace::transcoding {
namespace {

constexpr int kNotConfined = 250;

// What it exits with; a signal that ended it counts from 1000.
int confined(const std::function<int()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_DUMPABLE, 0) != 0 || !refuse_system_calls()) ::_exit(kNotConfined);
    ::_exit(what());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Of a call that would do no harm: 0 where it is let through.
template <typename... Arguments>
int error_of(long number, Arguments... arguments) {
  return confined([=] {
    errno = 0;
    return ::syscall(number, arguments...) == -1 ? errno : 0;
  });
}

TEST(Confinement, RefusesSignalsToOtherProcesses) {
  const pid_t parent = ::getpid();
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  EXPECT_EQ(error_of(__NR_kill, parent, 0), EPERM);
  EXPECT_EQ(error_of(__NR_tkill, parent, 0), EPERM);
  EXPECT_EQ(error_of(__NR_tgkill, parent, parent, 0), EPERM);
  EXPECT_EQ(error_of(__NR_rt_sigqueueinfo, parent, 0, &info), EPERM);
  EXPECT_EQ(error_of(__NR_rt_tgsigqueueinfo, parent, parent, 0, &info), EPERM);
  EXPECT_EQ(error_of(__NR_pidfd_open, parent, 0), EPERM);
  EXPECT_EQ(error_of(__NR_fcntl, 0, F_SETOWN, 0), EPERM);
  EXPECT_EQ(error_of(__NR_fcntl, 0, F_SETOWN_EX, nullptr), EPERM);
}

TEST(Confinement, RefusesProcessesAndNamespacesAndWhatCannotBeSeen) {
  EXPECT_EQ(error_of(__NR_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
  for (const unsigned long flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                                   CLONE_NEWPID, CLONE_NEWNET}) {
    EXPECT_EQ(error_of(__NR_clone, flag | SIGCHLD, 0, 0, 0, 0), EPERM) << flag;
    // Refused by the filter, not for what is missing in the flags.
    EXPECT_EQ(error_of(__NR_clone, flag | CLONE_THREAD, 0, 0, 0, 0), EPERM) << flag;
  }
  EXPECT_EQ(error_of(__NR_clone3, nullptr, 0), ENOSYS);
  EXPECT_EQ(error_of(__NR_unshare, 0), EPERM);
  EXPECT_EQ(error_of(__NR_execve, nullptr, nullptr, nullptr), EPERM);
}

TEST(Confinement, RefusesNetworksRightsMountsAndOthersLimits) {
  rlimit limits{};
  EXPECT_EQ(error_of(__NR_socket, -1, 0, 0), EPERM);
  EXPECT_EQ(error_of(__NR_sendmmsg, -1, nullptr, 0, 0), EPERM);
  EXPECT_EQ(error_of(__NR_accept, -1, nullptr, nullptr), EPERM);
  EXPECT_EQ(error_of(__NR_setreuid, -1, -1), EPERM);
  EXPECT_EQ(error_of(__NR_setgroups, -1, nullptr), EPERM);
  EXPECT_EQ(error_of(__NR_open_tree, -1, nullptr, -1), EPERM);
  EXPECT_EQ(error_of(__NR_pidfd_getfd, -1, -1, 0), EPERM);
  EXPECT_EQ(error_of(__NR_prlimit64, ::getppid(), RLIMIT_CORE, nullptr, &limits), EPERM);
  EXPECT_EQ(error_of(__NR_prlimit64, 0, RLIMIT_CORE, nullptr, &limits), 0);
}

#if defined(__x86_64__)
TEST(Confinement, RefusesTheSameCallsByOtherNumbers) {
  constexpr long kX32 = 0x4000'0000;
  EXPECT_EQ(error_of(kX32 | __NR_getpid), EPERM);
  EXPECT_EQ(error_of(kX32 | __NR_socket, -1, 0, 0), EPERM);
}
#endif

TEST(Confinement, LeavesThreadsAndAbortToTheProcess) {
  EXPECT_EQ(confined([] {
              int ran = 1;
              std::thread([&] { ran = 0; }).join();
              return ran;
            }),
            0);
  EXPECT_EQ(confined([]() -> int { std::abort(); }), 1000 + SIGABRT);
}

}  // namespace
}  // namespace millrace::transcoding
