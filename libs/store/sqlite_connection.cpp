#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <utility>

#include "store/connection.hpp"
#include "store/database_file.hpp"
#include "store/errors.hpp"
#include "store/transaction.hpp"

namespace millrace::store {
namespace {

constexpr const char* kDamaged = " (the file is damaged: put a backup in its place)";

// SOCI's what() quotes the values bound to the statement; get_error_message() does not.
Error describe(const soci::soci_error& error, const std::string& path) {
  const std::string text = path + ": " + error.get_error_message();
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  if (sqlite == nullptr) return {"store.failed", text};
  switch (sqlite->result() & 0xFF) {  // the low byte is the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {store::errors::kBusy, text};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {"store.corrupt", text + kDamaged};
    case SQLITE_FULL:
      return {"store.full", text};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return {"store.read_only", text};
    case SQLITE_CONSTRAINT:
      return {store::errors::kConstraint, text};
    default:
      return {"store.failed", text};
  }
}

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}

  Result<void> open(std::chrono::milliseconds busy_timeout);
  Result<void> run(TransactionMode mode, const Work& work) override;
  Dialect dialect() const override { return Dialect::kSqlite; }
  const std::string& name() const override { return path_; }

 private:
  Result<void> check_integrity();
  Result<void> ensure_open();
  void save_what_lost_its_log();

  std::string path_;
  std::chrono::milliseconds busy_timeout_{0};
  soci::session session_;
  bool open_ = false;
};

Result<void> SqliteConnection::open(std::chrono::milliseconds busy_timeout) {
  busy_timeout_ = busy_timeout;
  try {
    session_.close();  // of an attempt that came to nothing
    session_.open(soci::sqlite3, "db=\"" + path_ + "\"");
    session_ << "PRAGMA busy_timeout=" << busy_timeout.count();
    // Integrity before anything is written: a damaged file stays as it is for whoever repairs it.
    if (Result<void> whole = check_integrity(); !whole) return whole;
    std::string mode;
    session_ << "PRAGMA journal_mode=WAL", soci::into(mode);
    if (mode != "wal")
      return fail("store.failed", path_ + ": the file system does not allow a write-ahead log");
    session_ << "PRAGMA synchronous=FULL";
    session_ << "PRAGMA foreign_keys=ON";
    open_ = true;
    return {};
  } catch (const soci::soci_error& error) {
    return tl::unexpected(describe(error, path_));
  }
}

Result<void> SqliteConnection::check_integrity() {
  std::string verdict;
  session_ << "PRAGMA quick_check(1)", soci::into(verdict);
  if (verdict == "ok") return {};
  return fail("store.corrupt", path_ + ": " + verdict + kDamaged);
}

Result<void> SqliteConnection::ensure_open() {
  return open_ ? Result<void>() : open(busy_timeout_);
}

Result<void> SqliteConnection::run(TransactionMode mode, const Work& work) {
  if (Result<void> there = ensure_open(); !there) return there;
  try {
    Transaction transaction(session_, mode == TransactionMode::kRead ? "BEGIN" : "BEGIN IMMEDIATE");
    Result<void> done = work(session_);
    if (done) transaction.commit();
    if (done && mode != TransactionMode::kRead) save_what_lost_its_log();
    return done;
  } catch (const soci::soci_error& error) {
    return tl::unexpected(describe(error, path_));
  }
}

// Somebody deleted the write-ahead log (or its index) below us: what we committed is in a file without a
// name, and would be gone with us. It goes into the database before it counts as written; then the file is
// opened again, at once or, where that fails (a backup holds it), before the next transaction: what is
// written stays written.
void SqliteConnection::save_what_lost_its_log() {
  if (::access((path_ + "-wal").c_str(), F_OK) == 0 && ::access((path_ + "-shm").c_str(), F_OK) == 0) return;
  try {
    int held = 0;
    int ignored = 0;
    session_ << "PRAGMA wal_checkpoint(TRUNCATE)", soci::into(held), soci::into(ignored), soci::into(ignored);
    if (held != 0) return;  // by a reader: after the next write
    session_.close();
    open_ = false;
    (void)open(busy_timeout_);
  } catch (const soci::soci_error&) {
    // The same: it is committed, and what it lacks is tried again.
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> open_sqlite(const DatabaseOptions& options) {
  Result<std::string> path = sqlite_path(options.url);
  if (!path) return tl::unexpected(path.error());
  if (Result<void> prepared = prepare_file(*path); !prepared) return tl::unexpected(prepared.error());
  auto connection = std::make_unique<SqliteConnection>(*path);
  if (Result<void> opened = connection->open(options.busy_timeout); !opened) {
    return tl::unexpected(opened.error());
  }
  return connection;
}

}  // namespace millrace::store
