// A database connection: transactions in, Result out. No exception of SOCI's leaves this class, and no bound
// value ever appears in an error (SOCI's own texts quote them), nor a password.
//
//   Result<Database> database = Database::open({.url = "/var/lib/millrace/streaming.db"}, kMigrations);
//   Result<int> count = database->read<int>([](soci::session& session) -> Result<int> { … });
//
// One owner, one thread at a time; every call may block (README.md says how long) and belongs on a worker
// thread.
//
// Errors: store.busy (locked for longer than busy_timeout; worth another try), store.unavailable (the server
// can't be reached or does not answer; later calls connect again), store.replaced (it is
// another database than at the start), store.corrupt (names the file), store.full, store.read_only,
// store.constraint, store.unsupported, store.failed, and those of migrations.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "store/migrations.hpp"

namespace millrace::store {

class Connection;

struct DatabaseOptions {
  // DATABASE_URL: a plain path is an SQLite file, made with mode 0600, missing directories with 0700.
  // postgresql:// and postgres:// are a server (postgres_url.hpp). Holds a password then.
  std::string url;
  // How long a statement waits for another's lock, and work for a reconnection.
  std::chrono::milliseconds busy_timeout{2000};
  // PostgreSQL: how long a transaction may take; then the connection is given up (store.unavailable).
  std::chrono::milliseconds answer_timeout{5000};
  // After every connection but the first. Runs on the database's thread.
  std::function<void()> on_reconnect{};
};

class Database {
 public:
  // Opens, checks and applies what is missing of the migrations. SQLite: WAL, foreign keys, synchronous=FULL,
  // so that what was answered survives a power cut; the file's integrity. PostgreSQL: synchronous_commit; two
  // that open at once do not collide.
  static Result<Database> open(const DatabaseOptions& options, std::span<const Migration> migrations);

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Runs work in one transaction, which is committed when it returns a value and rolled back otherwise. What
  // work of write has read stays true until it commits: SQLite takes the write lock at once; PostgreSQL's
  // SERIALIZABLE notices what does not fit together and work runs again, at most kMaxRuns times and within
  // answer_timeout. So work must be able to run more than once: it changes nothing outside but variables that
  // it sets again each time. It also runs again, once, when a connection turns out to be dead before the
  // commit. After an error at the commit itself (store.unavailable) the change may or may not be there.
  template <class T, class Work>
  Result<T> write(Work&& work) {
    return in_transaction<T>(true, std::forward<Work>(work));
  }
  template <class T, class Work>
  Result<T> read(Work&& work) {
    return in_transaction<T>(false, std::forward<Work>(work));
  }

  static constexpr int kMaxRuns = 6;

 private:
  explicit Database(std::unique_ptr<Connection> connection);
  Result<void> run(bool write, const std::function<Result<void>(soci::session&)>& work);

  template <class T, class Work>
  Result<T> in_transaction(bool write, Work&& work) {
    if constexpr (std::is_void_v<T>) {
      return run(write, std::forward<Work>(work));
    } else {
      std::optional<T> value;
      const Result<void> done = run(write, [&](soci::session& session) -> Result<void> {
        Result<T> result = work(session);
        if (!result) return tl::unexpected<Error>(std::move(result).error());
        value = std::move(*result);
        return {};
      });
      if (!done) return tl::unexpected<Error>(done.error());
      return std::move(*value);
    }
  }

  std::unique_ptr<Connection> connection_;
};

}  // namespace millrace::store
