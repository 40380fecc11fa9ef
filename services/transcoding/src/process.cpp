#include "process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

namespace millrace::transcoding {
namespace {

class SpawnActions {
 public:
  // The child's ends of pipes; -1: none.
  SpawnActions(int input, int output) {
    constexpr int kFirstOther = 3;
    ::posix_spawn_file_actions_init(&actions_);
    if (input >= 0)
      ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    else
      ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (output >= 0)
      ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    else
      ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstOther);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

Result<void> make_pipe(net::UniqueFd& reads, net::UniqueFd& writes) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("transcoding.start", std::strerror(errno));
  reads.reset(ends[0]);
  writes.reset(ends[1]);
  return {};
}

void do_not_wait(const net::UniqueFd& end) {
  ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

std::string ProcessEnd::text() const {
  return signal != 0 ? "signal " + std::to_string(signal) : "status " + std::to_string(status);
}

Result<int> start_process(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment, ProcessPipes* pipes) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  net::UniqueFd child_input;
  net::UniqueFd child_output;
  if (pipes != nullptr) {
    if (Result<void> made = make_pipe(child_input, pipes->input); !made) return tl::unexpected(made.error());
    if (Result<void> made = make_pipe(pipes->output, child_output); !made)
      return tl::unexpected(made.error());
    do_not_wait(pipes->input);
    do_not_wait(pipes->output);
  }
  const SpawnActions spawn(child_input.get(), child_output.get());
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), spawn.actions(), spawn.attributes(),
                                  pointers(words).data(), pointers(variables).data());
  if (error != 0) return fail("transcoding.start", program + ": " + std::strerror(error));
  return pid;
}

std::string read_available(int descriptor) {
  std::string text;
  std::array<char, 4096> bytes{};
  ssize_t size = 0;
  while (text.size() < kMostOutput && (size = ::read(descriptor, bytes.data(), bytes.size())) > 0)
    text.append(bytes.data(), static_cast<std::size_t>(size));
  return text;
}

std::optional<ProcessEnd> end_of_process(int pid) {
  int status = 0;
  const pid_t ended = ::waitpid(pid, &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  if (ended < 0) return ProcessEnd{1, 0};  // somebody else has waited for it
  if (WIFSIGNALED(status)) return ProcessEnd{0, WTERMSIG(status)};
  return ProcessEnd{WEXITSTATUS(status), 0};
}

void signal_process(int pid, int number) {
  if (pid > 1) ::kill(pid, number);
}

std::string program_beside_this(const std::string& name) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string self(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return self.substr(0, self.rfind('/') + 1) + name;
}

}  // namespace millrace::transcoding
