// A PostgreSQL database: transactions over a connection that is replaced when it is lost.
#include <openssl/crypto.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <algorithm>
#include <future>
#include <thread>

#include "base/secret.hpp"
#include "store/connection.hpp"
#include "store/errors.hpp"
#include "store/postgres_error.hpp"
#include "store/postgres_link.hpp"
#include "store/transaction.hpp"

namespace millrace::store {
namespace {

using Clock = std::chrono::steady_clock;
using LinkResult = Result<std::unique_ptr<PostgresLink>>;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{2000};
// An attempt takes connect_timeout per address; one that takes longer than this is stuck and left to itself.
constexpr milliseconds kLongestAttempt{15'000};
constexpr int kMaxStuck = 4;
constexpr milliseconds kMigrationTime{600'000};
// Of all programs that migrate a Millrace database: two at a time would collide.
constexpr long long kMigrationLock = 0x6d696c6c72616365;  // "millrace"

const char* begin_of(TransactionMode mode) {
  switch (mode) {
    case TransactionMode::kRead:
      return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    case TransactionMode::kWrite:
      return "BEGIN ISOLATION LEVEL SERIALIZABLE";
    case TransactionMode::kMigrate:
      break;
  }
  // So that what the one before us did is seen once we have the lock.
  return "BEGIN ISOLATION LEVEL READ COMMITTED";
}

milliseconds spread(milliseconds longest) {
  return milliseconds(1 + random_u64() % static_cast<std::uint64_t>(longest.count()));
}

// Makes connections on a thread of its own, as that blocks for longer than anybody should wait; with pauses
// that grow.
class Connector {
 public:
  explicit Connector(PostgresSettings settings) : settings_(std::move(settings)) {}
  ~Connector() {
    if (attempt_.valid()) attempt_.wait_for(kLongestAttempt);
  }
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // Waits until an attempt of this or an earlier call is busy_timeout old. Errors: of the attempt, or
  // store.unavailable at once between two.
  LinkResult get(const std::string& fingerprint) {
    const Clock::time_point now = Clock::now();
    if (!attempt_.valid()) {
      if (now < next_) return tl::unexpected(last_);
      begin(fingerprint, now);
    }
    if (attempt_.wait_until(began_ + settings_.busy_timeout) != std::future_status::ready) {
      if (now - began_ > kLongestAttempt && stuck_ < kMaxStuck) {
        ++stuck_;
        attempt_ = {};
      }
      return fail(store::errors::kUnavailable, settings_.target.name + " does not answer");
    }
    LinkResult link = attempt_.get();
    if (link) {
      pause_ = kFirstPause;
      stuck_ = 0;
    } else {
      last_ = link.error();
      next_ = Clock::now() + pause_ / 2 + spread(pause_ / 2);
      pause_ = std::min(pause_ * 2, kLongestPause);
    }
    return link;
  }
  // As at the start: for as long as it takes.
  LinkResult wait() {
    begin({}, Clock::now());
    return attempt_.get();
  }

 private:
  void begin(const std::string& fingerprint, Clock::time_point now) {
    began_ = now;
    std::packaged_task<LinkResult()> task([settings = settings_, fingerprint] {
      LinkResult link = PostgresLink::connect(settings, fingerprint);
      OPENSSL_thread_stop();  // nobody joins this thread: its end may come after OpenSSL's
      return link;
    });
    attempt_ = task.get_future();
    std::thread(std::move(task)).detach();
  }

  const PostgresSettings settings_;
  std::future<LinkResult> attempt_;
  Clock::time_point began_{};
  Clock::time_point next_{};
  milliseconds pause_ = kFirstPause;
  Error last_;
  int stuck_ = 0;
};

class PostgresConnection final : public Connection {
 public:
  PostgresConnection(PostgresSettings settings, std::function<void()> on_reconnect)
      : settings_(settings), connector_(std::move(settings)), on_reconnect_(std::move(on_reconnect)) {}

  Result<void> open() {
    LinkResult link = connector_.wait();
    if (!link) return tl::unexpected(link.error());
    link_ = std::move(*link);
    return {};
  }
  Result<void> run(TransactionMode mode, const Work& work) override;
  Dialect dialect() const override { return Dialect::kPostgres; }
  const std::string& name() const override { return settings_.target.name; }

 private:
  // How one run of a work ended.
  struct Run {
    Result<void> result;
    bool again = false;  // it may succeed when it runs again
    bool lost = false;   // the connection is
    bool read_only = false;
  };

  Result<void> ensure_link();
  Run run_once(TransactionMode mode, const Work& work, Clock::time_point deadline);
  Run failed(const soci::soci_error& error, bool committing, bool late);
  void prepare_migration();

  const PostgresSettings settings_;
  Connector connector_;
  const std::function<void()> on_reconnect_;
  std::unique_ptr<PostgresLink> link_;
  std::string fingerprint_;
};

Result<void> PostgresConnection::ensure_link() {
  if (link_) return {};
  LinkResult link = connector_.get(fingerprint_);
  if (!link) return tl::unexpected(link.error());
  link_ = std::move(*link);
  if (on_reconnect_) on_reconnect_();
  return {};
}

Result<void> PostgresConnection::run(TransactionMode mode, const Work& work) {
  bool reconnected = false;
  const milliseconds time = mode == TransactionMode::kMigrate ? kMigrationTime : settings_.answer_timeout;
  const Clock::time_point deadline = Clock::now() + time;
  for (int runs = 1;; ++runs) {
    if (Result<void> there = ensure_link(); !there) return there;
    Run done = run_once(mode, work, deadline);
    const bool once_more = done.again && runs < Database::kMaxRuns && !(done.lost && reconnected);
    // A new connection that still takes no changes is kept for what only reads.
    if (done.lost && !(reconnected && done.read_only)) link_.reset();
    if (!once_more || Clock::now() >= deadline) return done.result;
    reconnected = reconnected || done.lost;
    if (!done.lost) std::this_thread::sleep_for(spread(milliseconds(5 * runs)));
  }
}

PostgresConnection::Run PostgresConnection::run_once(TransactionMode mode, const Work& work,
                                                     Clock::time_point deadline) {
  bool committing = false;
  soci::session& session = link_->session();
  Watchdog& watchdog = link_->watchdog();
  watchdog.arm(deadline);
  try {
    // Its rollback is watched too: the watchdog goes on until after it.
    std::optional<Transaction> transaction(std::in_place, session, begin_of(mode));
    if (mode == TransactionMode::kMigrate) prepare_migration();
    Result<void> result = work(session);
    if (result) {
      if (mode == TransactionMode::kMigrate) fingerprint_ = postgres_fingerprint(session);
      committing = mode != TransactionMode::kRead;
      transaction->commit();
    }
    transaction.reset();
    const bool late = watchdog.disarm();
    return {std::move(result), false, late || link_->lost()};
  } catch (const soci::soci_error& error) {
    return failed(error, committing, watchdog.disarm());
  } catch (...) {
    watchdog.disarm();
    throw;
  }
}

void PostgresConnection::prepare_migration() {
  soci::session& session = link_->session();
  session << "SET LOCAL statement_timeout = " << kMigrationTime.count();
  session << "SET LOCAL lock_timeout = " << kMigrationTime.count();
  session << "SET LOCAL idle_in_transaction_session_timeout = 0";
  std::string ignored;
  session << "SELECT pg_advisory_xact_lock(" << kMigrationLock << ")::text", soci::into(ignored);
}

PostgresConnection::Run PostgresConnection::failed(const soci::soci_error& error, bool committing,
                                                   bool late) {
  const auto* postgres = dynamic_cast<const soci::postgresql_soci_error*>(&error);
  const std::string state = postgres != nullptr ? postgres->sqlstate() : "";
  const bool answered = state.find_first_not_of(' ') != std::string::npos;
  const bool lost = late || link_->lost() || (answered && ends_the_connection(state));
  const bool again = (lost && !committing && !late) || is_worth_another_run(state);
  if (late) {
    return {fail(store::errors::kUnavailable, name() + " does not answer"), false, true};
  }
  if (lost && (!answered || !ends_the_connection(state))) {
    return {fail(store::errors::kUnavailable, name() + ": the connection was lost"), again, true};
  }
  // Not the server's words, but SOCI's about our own code: a missing value, a wrong type.
  if (!answered) return {fail("store.failed", name() + ": a statement failed"), false, lost};
  return {tl::unexpected(postgres_error(state, name())), again, lost, state == kReadOnly};
}

}  // namespace

Result<std::unique_ptr<Connection>> open_postgres(const DatabaseOptions& options) {
  Result<PostgresTarget> target = parse_postgres_url(options.url, options.answer_timeout);
  if (!target) return tl::unexpected(target.error());
  auto connection = std::make_unique<PostgresConnection>(
      PostgresSettings{std::move(*target), options.busy_timeout, options.answer_timeout},
      options.on_reconnect);
  if (Result<void> opened = connection->open(); !opened) return tl::unexpected(opened.error());
  return connection;
}

}  // namespace millrace::store
