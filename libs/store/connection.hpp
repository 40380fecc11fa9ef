// What Database is over: one kind of connection a kind of database. Private to libs/store.
#pragma once

#include <functional>
#include <memory>

#include "store/database.hpp"

namespace millrace::store {

enum class TransactionMode : std::uint8_t { kRead, kWrite, kMigrate };

using Work = std::function<Result<void>(soci::session&)>;

class Connection {
 public:
  virtual ~Connection() = default;
  // One transaction. Errors are those of database.hpp; no exception of SOCI's comes out.
  virtual Result<void> run(TransactionMode mode, const Work& work) = 0;
  virtual Dialect dialect() const = 0;
  // For errors: the path, or the server and its database; never a password.
  virtual const std::string& name() const = 0;
};

Result<std::unique_ptr<Connection>> open_sqlite(const DatabaseOptions& options);
Result<std::unique_ptr<Connection>> open_postgres(const DatabaseOptions& options);

}  // namespace millrace::store
