#include "runtime/service.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/command_line.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "runtime/errors.hpp"
#include "runtime/supervisor.hpp"

namespace millrace::runtime {
namespace {

constexpr std::chrono::seconds kCutOff{1};
constexpr std::chrono::milliseconds kLastWord{200};

struct CommonConfig {
  std::string home;
  std::chrono::seconds drain{10};
  std::string log_format;
  std::string log_level;
};

// Why the service ends: a signal, or that it cannot go on. The first reason counts.
class Ending {
 public:
  void by_signal(int number) { decide("signal " + std::to_string(number), false); }
  void by_failure(const Error& error) { decide(std::string(error.code) + ": " + error.message, true); }
  // True: because it cannot go on.
  bool wait(std::string& reason) {
    std::unique_lock lock(mutex_);
    decided_.wait(lock, [this] { return !reason_.empty(); });
    reason = reason_;
    return failed_;
  }

 private:
  void decide(std::string reason, bool failed) {
    {
      const std::lock_guard lock(mutex_);
      if (!reason_.empty()) return;
      reason_ = std::move(reason);
      failed_ = failed;
    }
    decided_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable decided_;
  std::string reason_;
  bool failed_ = false;
};

// To end, or (SIGHUP) to read files again.
sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

// Takes the signals in a thread of its own: no code of ours runs in a signal handler. The second signal ends
// the process at once. The signals must be blocked in every other thread.
class SignalThread {
 public:
  explicit SignalThread(Ending& ending) : thread_([this, &ending] { run(ending); }) {}
  ~SignalThread() {
    done_ = true;
    pthread_kill(thread_.native_handle(), SIGINT);
    thread_.join();
  }
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  // From now on SIGHUP calls it; it outlives this.
  void on_reload(const std::function<void()>& reload) {
    if (reload) reload_.store(&reload, std::memory_order_release);
  }

 private:
  void run(Ending& ending) {
    const sigset_t set = handled_signals();
    for (int seen = 0;;) {
      const int number = sigwaitinfo(&set, nullptr);
      if (done_) return;
      if (number < 0) continue;
      if (number == SIGHUP) {
        if (const std::function<void()>* const reload = reload_.load(std::memory_order_acquire))
          (void)survives("reload", *reload);
        continue;
      }
      if (seen++ > 0) ::_exit(128 + number);
      ending.by_signal(number);
    }
  }

  std::atomic<bool> done_{false};
  std::atomic<const std::function<void()>*> reload_{nullptr};
  std::thread thread_;
};

// One line to the log, unless it is the log that blocks.
void report_cut_off() {
  try {
    std::thread([] { log::error("drain took too long, cut off"); }).detach();
    std::this_thread::sleep_for(kLastWord);
  } catch (const std::exception&) {
    return;  // no thread to be had: the exit code has to say it
  }
}

// Ends the process when it takes longer than it may. Only the process's own end disarms it: destructors
// that run after the drain, those of the service's objects included, are guarded like the drain.
void arm_watchdog(Deadline deadline) {
  std::thread([deadline] {
    std::this_thread::sleep_until(deadline + kCutOff);
    report_cut_off();
    ::_exit(kExitSoftware);
  }).detach();
}

void add_common_rows(ConfigTable& table, CommonConfig& config) {
  table.text("MILLRACE_HOME", config.home, ".millrace", "state root: sockets, ports, data, media");
  table.duration("DRAIN_SECONDS", config.drain, "10", {0, 3600}, "seconds to end in after SIGTERM");
  table.choice("LOG_FORMAT", config.log_format, "text", {"text", "json"}, "form of log lines");
  table.choice("LOG_LEVEL", config.log_level, "info", {"trace", "debug", "info", "warning", "error"},
               "lowest severity that is logged");
}

// What no other start with the same configuration can repair.
bool is_configuration(std::string_view code) {
  return code.starts_with(millrace::errors::kConfigFamily) ||
         code.ends_with(millrace::errors::kAddressSuffix) ||
         code.ends_with(millrace::errors::kPortDeniedSuffix);
}

int exit_code(std::string_view code) {
  if (code.ends_with(millrace::errors::kPortInUseSuffix)) return kExitPortInUse;
  if (is_configuration(code)) return kExitUsage;
  return kExitSoftware;
}

// The one clear line of a start that failed, readable without the log's form.
int failed_start(const std::string& service, const Error& error) {
  std::cerr << "millrace-" << service << ": " << error.message << std::endl;
  return exit_code(error.code);
}

Result<std::string> prepare_home(const std::string& home) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(home, error).lexically_normal();
  std::filesystem::create_directories(path / "run", error);
  if (error)
    return fail("runtime.home", "cannot make " + path.string() + " (MILLRACE_HOME): " + error.message());
  std::string text = path.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

void configure(caf::actor_system_config& actors, const ServiceDefinition& definition) {
  // Mostly idle workers: the sharing policy costs a hundredth of the polling of the stealing one.
  actors.set("scheduler.policy", caf::atom("sharing"));
  actors.set("scheduler.max-threads", std::size_t{2});
  if (definition.configure_actors) definition.configure_actors(actors);
}

Result<void> guarded_start(const ServiceDefinition& definition, ServiceContext& context) {
  try {
    return definition.start(context);
  } catch (const std::exception& error) {
    return fail("runtime.exception", error.what());
  }
}

void guarded_drain(const ServiceDefinition& definition, Deadline deadline) {
  if (!definition.drain) return;
  try {
    definition.drain(deadline);
  } catch (const std::exception& error) {
    log::error("drain threw", {{"error", error.what()}});
  }
}

// As many descriptors as the system allows: connections are what services are for.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// A core file would hold every key and secret in clear; an operator who needs one raises the limit of the
// running process (prlimit --core).
void leave_no_core_file() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  (void)::setrlimit(RLIMIT_CORE, &limit);
}

int run(const ServiceDefinition& definition, const CommonConfig& config, const std::string& home) {
  raise_descriptor_limit();
  leave_no_core_file();
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Ending ending;
  SignalThread signal_thread(ending);

  caf::actor_system_config actors_config;
  configure(actors_config, definition);
  caf::actor_system actors(actors_config);
  const auto health = std::make_shared<Health>();
  health->set("service", HealthState::kStarting);
  caf::actor root = spawn_supervisor(actors, {.name = "supervisor", .health = health});
  root->attach_functor([&ending](const caf::error& reason) {
    if (reason && reason != caf::exit_reason::user_shutdown)
      ending.by_failure({"runtime.escalated", "root supervisor"});
  });

  ServiceContext context{
      definition.name, home, process_environment(), health, actors, root, [&ending](const Error& error) {
        ending.by_failure(error);
      }};
  const Result<void> started = guarded_start(definition, context);
  int code = 0;
  if (started) {
    signal_thread.on_reload(definition.reload);
    health->set("service", HealthState::kReady);
    log::info("service started", {{"pid", static_cast<std::int64_t>(::getpid())}});
    std::string reason;
    code = ending.wait(reason) ? kExitSoftware : 0;
    log::info("service draining", {{"reason", reason}});
  } else {
    code = failed_start(definition.name, started.error());
  }
  health->set("service", HealthState::kStopping);
  const Deadline deadline = std::chrono::steady_clock::now() + config.drain;
  arm_watchdog(deadline);
  if (started) guarded_drain(definition, deadline);
  stop(root);
  root = nullptr;
  actors.await_all_actors_done();
  log::info("service stopped", {{"code", code}});
  return code;
}

std::string help(const ServiceDefinition& definition) {
  const std::string program = "millrace-" + definition.name;
  return program + ": " + definition.summary + "\n\nusage: " + program +
         "                     serves until SIGTERM; see ./millrace up\n       " + program +
         " --config-markdown   lists the settings, which are environment variables\n" + definition.options +
         "\nThe settings are described in docs/configuration.md.\n";
}

}  // namespace

int run_service(int argc, char** argv, const ServiceDefinition& definition) {
  CommonConfig config;
  ConfigTable table;
  add_common_rows(table, config);
  if (definition.configure) definition.configure(table);
  const std::span<char*> arguments(argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0);
  if (arguments.size() == 1 && std::strcmp(arguments[0], "--config-markdown") == 0) {
    std::cout << table.markdown();
    return 0;
  }
  if (asks_for_help(arguments)) {
    std::cout << help(definition);
    return 0;
  }
  Result<void> loaded = table.load(process_environment());
  if (loaded) loaded = start_log_from_environment(definition.name, process_environment());
  if (!loaded) return failed_start(definition.name, loaded.error());
  if (!arguments.empty()) {
    const std::optional<int> code = definition.command ? definition.command(arguments) : std::nullopt;
    if (code) return *code;
    std::cerr << "millrace-" << definition.name << ": unknown option " << arguments[0]
              << "; it is configured by the environment, --config-markdown lists how" << std::endl;
    return kExitUsage;
  }
  const Result<std::string> home = prepare_home(config.home);
  if (!home) return failed_start(definition.name, home.error());
  try {
    return run(definition, config, *home);
  } catch (const std::exception& error) {
    return failed_start(definition.name, {"runtime.exception", error.what()});
  }
}

Error port_in_use(std::uint16_t port, std::string_view variable) {
  return {runtime::errors::kPortInUse,
          "port " + std::to_string(port) + " (" + std::string(variable) + ") is in use"};
}

Result<void> ServiceContext::write_ports(const Ports& ports) const {
  return write_ports_file(home, name, ports);
}

Result<void> write_ports_file(const std::string& home, std::string_view service, const Ports& ports) {
  const std::string path = home + "/run/" + std::string(service) + ".ports";
  const std::string draft = path + ".new";
  std::string text;
  for (const auto& [name, port] : ports) text += name + "=" + std::to_string(port) + "\n";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail("runtime.ports", "cannot write " + draft + ": " + std::generic_category().message(errno));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(fd);
  if (written && ::rename(draft.c_str(), path.c_str()) == 0) return {};
  return fail("runtime.ports",
              "cannot write " + path + ": " + std::generic_category().message(written ? errno : error));
}

}  // namespace millrace::runtime
