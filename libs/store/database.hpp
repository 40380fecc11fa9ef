// A database connection: transactions in, Result out. No exception of SOCI's leaves this class, and no bound
// value ever appears in an error (SOCI's own texts quote them).
//
//   Result<Database> database = Database::open({.url = "/var/lib/millrace/streaming.db"}, kMigrations);
//   Result<int> count = database->read<int>([](soci::session& session) -> Result<int> { … });
//
// One owner, one thread at a time; every call may block up to busy_timeout and belongs on a worker thread.
//
// Errors: store.busy (locked for longer than busy_timeout; worth another try), store.corrupt (names the
// file), store.full, store.read_only, store.constraint, store.unsupported, store.failed, and those of
// migrations.hpp.
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

struct DatabaseOptions {
  // DATABASE_URL: a plain path is an SQLite file. It is made with mode 0600, and missing directories with
  // 0700.
  std::string url;
  // How long a statement waits for another process's lock.
  std::chrono::milliseconds busy_timeout{2000};
};

class Database {
 public:
  // Opens (SQLite: WAL, foreign keys, synchronous=FULL so that what was answered survives a power cut),
  // checks the file's integrity and applies what is missing of the migrations.
  [[nodiscard]] static Result<Database> open(const DatabaseOptions& options,
                                             std::span<const Migration> migrations);

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Runs work in one transaction, which is committed when it returns a value and rolled back otherwise. write
  // takes the write lock at once, so that what work has read stays true until it commits.
  template <class T, class Work>
  [[nodiscard]] Result<T> write(Work&& work) {
    return in_transaction<T>(Mode::kWrite, std::forward<Work>(work));
  }
  template <class T, class Work>
  [[nodiscard]] Result<T> read(Work&& work) {
    return in_transaction<T>(Mode::kRead, std::forward<Work>(work));
  }

 private:
  enum class Mode { kRead, kWrite };
  class Connection;

  explicit Database(std::unique_ptr<Connection> connection);
  Result<void> run(Mode mode, const std::function<Result<void>(soci::session&)>& work);

  template <class T, class Work>
  Result<T> in_transaction(Mode mode, Work&& work) {
    if constexpr (std::is_void_v<T>) {
      return run(mode, std::forward<Work>(work));
    } else {
      std::optional<T> value;
      const Result<void> done = run(mode, [&](soci::session& session) -> Result<void> {
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
