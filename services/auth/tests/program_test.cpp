// The program millrace-auth, asked over the bus as the other services do.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::auth {
namespace {

using namespace std::chrono_literals;

constexpr const char* kServerSecret = "a server secret of thirty-two chars";
constexpr auto kPatience = 20s;  // for a loaded machine; nothing below takes a second

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One incarnation of the program; killed at the latest with this object.
class Program {
 public:
  Program(const std::map<std::string, std::string>& environment, const std::filesystem::path& log,
          std::vector<std::string> arguments = {}) {
    pid_ = fork();
    if (pid_ == 0) run(environment, log, std::move(arguments));
  }
  ~Program() {
    if (pid_ > 0) signal_and_wait(SIGKILL);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int signal_and_wait(int number) {
    kill(pid_, number);
    return wait();
  }
  // The exit code, or minus the signal.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  [[noreturn]] static void run(const std::map<std::string, std::string>& environment,
                               const std::filesystem::path& log, std::vector<std::string> arguments) {
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    clearenv();
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    arguments.insert(arguments.begin(), MILLRACE_AUTH_PROGRAM);
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    execv(words[0], words.data());
    _exit(127);
  }

  pid_t pid_ = -1;
};

class AuthProgram : public testing::Test {
 protected:
  AuthProgram() {
    std::string name = (std::filesystem::temp_directory_path() / "mr-auth-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    home_ = name;
    environment_ = {{"MILLRACE_HOME", home_.string()},
                    {"MILLRACE_SECRET", kServerSecret},
                    {"API_TOKEN_SECRET", "a token secret of thirty-two characters"},
                    {"AUTH_OPS_PORT", "0"}};
  }
  ~AuthProgram() override {
    client_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(home_, ignored);
  }

  std::unique_ptr<Program> start(std::vector<std::string> arguments = {}) {
    return std::make_unique<Program>(environment_, log(), std::move(arguments));
  }
  std::filesystem::path log() const { return home_ / "log"; }

  Result<bus::v1::Reply> ask(const bus::v1::Request& request, std::chrono::milliseconds timeout = kPatience) {
    if (!client_) {
      bus::EndpointsConfig config;
      config.home = home_.string();
      client_ = bus::Node::start({.service = "", .endpoints = bus::endpoints(config).value(), .limits = {}})
                    .value();
    }
    auto answer = std::make_shared<std::promise<Result<bus::v1::Reply>>>();
    auto future = answer->get_future();
    client_->request("auth", request, timeout,
                     [answer](Result<bus::v1::Reply> reply) { answer->set_value(std::move(reply)); });
    return future.get();
  }
  // Until the service is up, requests are answered with an error or wait for it.
  bus::v1::Reply ask_until_answered(const bus::v1::Request& request) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      Result<bus::v1::Reply> reply = ask(request, 2s);
      if (reply) return *reply;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << reply.error().code << "\n" << read_file(log());
        return {};
      }
    }
  }
  v1::Stream ensure(const std::string& subject) {
    bus::v1::Request request;
    request.mutable_ensure_stream()->set_subject(subject);
    return ask_until_answered(request).stream();
  }
  static bus::v1::Request publish_request(const std::string& key) {
    bus::v1::Request request;
    request.mutable_authorize_publish()->set_app("live");
    request.mutable_authorize_publish()->set_key(key);
    request.mutable_authorize_publish()->set_peer_address("192.0.2.1");
    return request;
  }

  std::filesystem::path home_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<bus::Node> client_;
};

TEST_F(AuthProgram, DecidesOverTheBusAndDrainsWithZero) {
  const auto program = start();
  const v1::Stream stream = ensure("alice");
  EXPECT_EQ(stream.key().size(), 35U);
  const bus::v1::Reply allowed = ask_until_answered(publish_request(stream.key()));
  EXPECT_TRUE(allowed.authorize_publish().allowed());
  EXPECT_EQ(allowed.authorize_publish().stream_id(), stream.stream_id());
  EXPECT_FALSE(ask_until_answered(publish_request("sk_wrong")).authorize_publish().allowed());
  EXPECT_EQ(program->signal_and_wait(SIGTERM), 0) << read_file(log());
  const std::string text = read_file(log());
  EXPECT_NE(text.find(stream.stream_id()), std::string::npos) << "the log has the decision";
  EXPECT_EQ(text.find(stream.key().substr(3)), std::string::npos);
  EXPECT_EQ(text.find(kServerSecret), std::string::npos);
}

TEST_F(AuthProgram, KeysAndEpochsOutliveKill9) {
  auto program = start();
  const v1::Stream stream = ensure("alice");
  std::uint64_t last = 0;
  for (int round = 0; round < 4; ++round) {
    const bus::v1::Reply allowed = ask_until_answered(publish_request(stream.key()));
    EXPECT_GT(allowed.authorize_publish().epoch(), last);
    last = allowed.authorize_publish().epoch();
    EXPECT_EQ(program->signal_and_wait(SIGKILL), -SIGKILL);
    program = start();
  }
  EXPECT_EQ(ensure("alice").key(), stream.key());
}

TEST_F(AuthProgram, ALockedDatabaseIsAnErrorAndTokensAreStillVerified) {
  const auto program = start();
  const v1::Stream stream = ensure("alice");
  soci::session other(soci::sqlite3, (home_ / "data/streaming.db").string());
  other << "BEGIN EXCLUSIVE";
  const Result<bus::v1::Reply> blocked = ask(publish_request(stream.key()));
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, "store.busy");
  bus::v1::Request token;
  token.mutable_verify_token()->set_token("a.b.c");
  EXPECT_FALSE(ask_until_answered(token).verify_token().valid());
  other << "ROLLBACK";
  EXPECT_TRUE(ask_until_answered(publish_request(stream.key())).authorize_publish().allowed());
}

TEST_F(AuthProgram, MoreRequestsThanItHoldsAreRefusedAndItGoesOn) {
  const auto program = start();
  const v1::Stream stream = ensure("alice");
  soci::session other(soci::sqlite3, (home_ / "data/streaming.db").string());
  other << "BEGIN EXCLUSIVE";
  constexpr int kRequests = 1500;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> answers;
  int answered = 0;
  for (int i = 0; i < kRequests; ++i) {
    client_->request("auth", publish_request(stream.key()), 2s, [&](const Result<bus::v1::Reply>& reply) {
      const std::lock_guard lock(mutex);
      ++answers[reply ? "answered" : std::string(reply.error().code)];
      ++answered;
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return answers["auth.overloaded"] > 0; }));
  lock.unlock();
  other << "ROLLBACK";
  lock.lock();
  EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return answered == kRequests; })) << answered;
  EXPECT_GT(answers["answered"], 0);
  lock.unlock();
  EXPECT_TRUE(ask_until_answered(publish_request(stream.key())).authorize_publish().allowed());
}

// As an ingest does whose auth is being started again.
TEST_F(AuthProgram, AnswersWhoeverAskedBeforeItWasThere) {
  std::promise<Result<bus::v1::Reply>> promise;
  (void)ask({}, 1ms);  // the client is there
  client_->request("auth", publish_request("sk_nobody"), kPatience,
                   [&](Result<bus::v1::Reply> reply) { promise.set_value(std::move(reply)); });
  const auto program = start();
  const Result<bus::v1::Reply> reply = promise.get_future().get();
  ASSERT_TRUE(reply) << reply.error().code;
  EXPECT_TRUE(reply->has_authorize_publish());
  EXPECT_FALSE(reply->authorize_publish().allowed());
}

TEST_F(AuthProgram, IssuesTokensThatTheServiceAccepts) {
  EXPECT_EQ(start({"--issue-token", "alice"})->wait(), 0);
  std::string text = read_file(log());
  ASSERT_EQ(text.find('\n'), text.size() - 1) << "one line: " << text;
  text.pop_back();
  const auto program = start();
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(text);
  const bus::v1::Reply reply = ask_until_answered(request);
  EXPECT_TRUE(reply.verify_token().valid());
  EXPECT_EQ(reply.verify_token().subject(), "alice");
  EXPECT_EQ(start({"--issue-token", "alice", "--token-life", "59"})->wait(), 64);
  EXPECT_EQ(start({"--issue-token", "alice", "--token-life", "60s"})->wait(), 64);
  EXPECT_EQ(start({"--issue-token", "alice", "--life", "60"})->wait(), 64);
  EXPECT_EQ(start({"--revoke-tokens", "alice"})->wait(), 0) << read_file(log());
  EXPECT_FALSE(ask_until_answered(request).verify_token().valid());
}

TEST_F(AuthProgram, RemembersWhoseTokensWereTakenBack) {
  EXPECT_EQ(start({"--issue-token", "alice", "--token-life", "86400"})->wait(), 0);
  std::string text = read_file(log());
  text.pop_back();
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(text);
  {
    const auto program = start();
    EXPECT_TRUE(ask_until_answered(request).verify_token().valid());
    EXPECT_EQ(start({"--revoke-tokens", "alice"})->wait(), 0) << read_file(log());
    EXPECT_EQ(program->signal_and_wait(SIGTERM), 0) << read_file(log());
  }
  const auto program = start();
  EXPECT_FALSE(ask_until_answered(request).verify_token().valid());
}

struct Refusal {
  const char* name;
  std::map<std::string, std::string> changes;
  const char* says;
};

class AuthRefusesToStart : public AuthProgram, public testing::WithParamInterface<Refusal> {};

TEST_P(AuthRefusesToStart, WithOneClearLineAndExitCode64) {
  {
    const auto first = start();
    ensure("alice");
    EXPECT_EQ(first->signal_and_wait(SIGTERM), 0) << read_file(log());
  }
  std::filesystem::remove(log());
  std::filesystem::create_directories(home_ / "other");
  std::ofstream(home_ / "other/damaged.db") << std::string(8192, 'x');
  for (const auto& [name, value] : GetParam().changes) {
    environment_[name] = value.rfind("HOME/", 0) == 0 ? (home_ / value.substr(5)).string() : value;
  }
  EXPECT_EQ(start()->wait(), 64) << read_file(log());
  EXPECT_NE(read_file(log()).find(GetParam().says), std::string::npos) << read_file(log());
  EXPECT_EQ(read_file(log()).find(kServerSecret), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, AuthRefusesToStart,
    testing::Values(
        Refusal{"WrongSecret",
                {{"MILLRACE_SECRET", "another secret of thirty-two characters"}},
                "MILLRACE_SECRET"},
        Refusal{"NoSecret", {{"MILLRACE_SECRET", ""}}, "MILLRACE_SECRET"},
        Refusal{"ShortTokenSecret", {{"API_TOKEN_SECRET", "short"}}, "API_TOKEN_SECRET"},
        Refusal{"DamagedDatabase", {{"DATABASE_URL", "HOME/other/damaged.db"}}, "other/damaged.db"},
        Refusal{"AnotherKindOfDatabase", {{"DATABASE_URL", "mysql://db/millrace"}}, "DATABASE_URL"},
        Refusal{
            "DatabaseWithAPortThatIsNone", {{"DATABASE_URL", "postgresql://u:p@db:x/m"}}, "DATABASE_URL"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::auth
