#include "store/database.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <utility>

#include "store/database_file.hpp"

namespace millrace::store {
namespace {

// SOCI's what() quotes the values bound to the statement; get_error_message() does not.
Error describe(const soci::soci_error& error, const std::string& path) {
  const std::string text = path + ": " + error.get_error_message();
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  if (sqlite == nullptr) return {"store.failed", text};
  switch (sqlite->result() & 0xFF) {  // the low byte is the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {"store.busy", text};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {"store.corrupt", text + " (the file is damaged: put a backup in its place)"};
    case SQLITE_FULL:
      return {"store.full", text};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return {"store.read_only", text};
    case SQLITE_CONSTRAINT:
      return {"store.constraint", text};
    default:
      return {"store.failed", text};
  }
}

// Rolls back unless committed.
class Transaction {
 public:
  Transaction(soci::session& session, bool write) : session_(session) {
    session_ << (write ? "BEGIN IMMEDIATE" : "BEGIN");
  }
  ~Transaction() {
    if (committed_) return;
    try {
      session_ << "ROLLBACK";
    } catch (const soci::soci_error&) {
      // SQLite has already rolled back after some errors (full disk, I/O) and says so with an error of its
      // own.
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit() {
    session_ << "COMMIT";
    committed_ = true;
  }

 private:
  soci::session& session_;
  bool committed_ = false;
};

}  // namespace

class Database::Connection {
 public:
  explicit Connection(std::string path) : path_(std::move(path)) {}

  Result<void> open(std::chrono::milliseconds busy_timeout);
  Result<void> run(bool write, const std::function<Result<void>(soci::session&)>& work);

 private:
  Result<void> check_integrity();

  std::string path_;
  soci::session session_;
};

Result<void> Database::Connection::open(std::chrono::milliseconds busy_timeout) {
  try {
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
    return {};
  } catch (const soci::soci_error& error) {
    return tl::unexpected(describe(error, path_));
  }
}

Result<void> Database::Connection::check_integrity() {
  std::string verdict;
  session_ << "PRAGMA quick_check(1)", soci::into(verdict);
  if (verdict == "ok") return {};
  return fail("store.corrupt", path_ + ": " + verdict + " (the file is damaged: put a backup in its place)");
}

Result<void> Database::Connection::run(bool write, const std::function<Result<void>(soci::session&)>& work) {
  try {
    Transaction transaction(session_, write);
    Result<void> done = work(session_);
    if (done) transaction.commit();
    return done;
  } catch (const soci::soci_error& error) {
    return tl::unexpected(describe(error, path_));
  }
}

Database::Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const DatabaseOptions& options, std::span<const Migration> migrations) {
  Result<std::string> path = sqlite_path(options.url);
  if (!path) return tl::unexpected(path.error());
  if (Result<void> prepared = prepare_file(*path); !prepared) return tl::unexpected(prepared.error());
  Database database(std::make_unique<Connection>(*path));
  if (Result<void> opened = database.connection_->open(options.busy_timeout); !opened) {
    return tl::unexpected(opened.error());
  }
  const Result<void> migrated =
      database.write<void>([&](soci::session& session) { return migrate(session, migrations); });
  if (!migrated) return fail(migrated.error(), *path);
  return database;
}

Result<void> Database::run(Mode mode, const std::function<Result<void>(soci::session&)>& work) {
  return connection_->run(mode == Mode::kWrite, work);
}

}  // namespace millrace::store
