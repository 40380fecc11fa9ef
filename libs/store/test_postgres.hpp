// Debian's PostgreSQL in a directory of the test's own, on a free port of 127.0.0.1. For tests only.
#pragma once

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "store/test_directory.hpp"

namespace millrace::store {

class PostgresServer {
 public:
  static constexpr const char* kUser = "millrace";
  static constexpr const char* kPassword = "p@ss/wo:rd?geheim";
  static constexpr const char* kPasswordInUrl = "p%40ss%2Fwo%3Ard%3Fgeheim";

  // Where its programs are; empty: not installed.
  static std::string programs() {
    std::string newest;
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
      const std::string bin = (version.path() / "bin").string();
      if (std::filesystem::exists(bin + "/initdb") && bin > newest) newest = bin;
    }
    return newest;
  }
  // One of this process, started at first use and ended with the process, also when that is killed.
  static PostgresServer& shared() {
    static PostgresServer server;
    return server;
  }

  PostgresServer() {
    if (geteuid() == 0) {
      const passwd* const user = getpwnam("postgres");  // a server refuses to run as root
      if (user == nullptr) throw std::runtime_error("no user postgres");
      user_ = user->pw_uid;
      group_ = user->pw_gid;
      if (chown(directory_.path().c_str(), user_, group_) != 0) throw std::runtime_error("chown");
    }
    std::ofstream(directory_.file("password")) << kPassword << '\n';
    std::filesystem::permissions(directory_.file("password"), std::filesystem::perms::all);
    const int made = wait(spawn({programs() + "/initdb", "-D", data(), "-U", kUser, "-A", "scram-sha-256",
                                 "--pwfile=" + directory_.file("password"), "-E", "UTF8", "--locale=C",
                                 "--no-sync", "--no-instructions"}));
    if (made != 0) throw std::runtime_error("initdb: " + log());
    start();
  }
  ~PostgresServer() { stop(SIGQUIT); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Returns when it takes connections. The same port at every start.
  void start() {
    if (port_ == 0) port_ = free_port();
    process_ = spawn({programs() + "/postgres", "-D", data(), "-k", directory_.path().string(), "-h",
                      "127.0.0.1", "-p", std::to_string(port_), "-c", "fsync=off", "-c", "max_connections=20",
                      "-c", "shared_buffers=16MB", "-c", "autovacuum=off"});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      try {
        soci::session probe(soci::postgresql, url("postgres") + "?connect_timeout=10");
        return;
      } catch (const soci::soci_error&) {
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("postgres: " + log());
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
  }
  void start_if_stopped() {
    if (process_ <= 0) start();
  }
  // SIGINT: fast, SIGQUIT: immediate, as pg_ctl does.
  void stop(int number) {
    if (process_ <= 0) return;
    kill(process_, number);
    signal_all(SIGCONT);
    wait(process_);
    process_ = 0;
  }
  // To the whole server: its processes are children of the one we started.
  void signal_all(int number) {
    std::vector<pid_t> all = {process_};
    std::ifstream children("/proc/" + std::to_string(process_) + "/task/" + std::to_string(process_) +
                           "/children");
    for (pid_t child = 0; children >> child;) all.push_back(child);
    for (const pid_t process : all) kill(process, number);
  }

  std::string url(const std::string& database) const {
    return std::string("postgresql://") + kUser + ":" + kPasswordInUrl +
           "@127.0.0.1:" + std::to_string(port_) + "/" + database;
  }
  // Makes an empty database; its URL.
  std::string new_database() {
    const std::string name = "test_" + std::to_string(++databases_);
    execute("postgres", "CREATE DATABASE " + name);
    return url(name);
  }
  void execute(const std::string& database, const std::string& statement) const {
    soci::session session(soci::postgresql, url(database) + "?application_name=test");
    session << statement;
  }
  std::uint16_t port() const { return port_; }
  // Every byte of tables and write-ahead log.
  std::string bytes_on_disk() const {
    execute("postgres", "CHECKPOINT");
    std::string all;
    for (const char* directory : {"/base", "/pg_wal"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(data() + directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        all.append(std::istreambuf_iterator<char>(file), {});
      }
    }
    return all;
  }
  std::string log() const {
    std::ifstream file(directory_.file("log"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string data() const { return directory_.file("data"); }

  static std::uint16_t free_port() {
    const int probe = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    static_cast<void>(bind(probe, reinterpret_cast<sockaddr*>(&address), length));  // then the port is 0
    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
    close(probe);
    return ntohs(address.sin_port);
  }

  pid_t spawn(std::vector<std::string> arguments) const {
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    const std::string output = directory_.file("log");
    const pid_t child = fork();
    if (child != 0) return child;
    if (group_ != 0 && (setgroups(0, nullptr) != 0 || setgid(group_) != 0 || setuid(user_) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (freopen(output.c_str(), "a", stdout) == nullptr) _exit(126);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    setpgid(0, 0);
    execv(words[0], words.data());
    _exit(127);
  }
  static int wait(pid_t process) {
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  TestDirectory directory_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
  int databases_ = 0;
};

}  // namespace millrace::store
