// BEGIN to COMMIT; rolls back unless committed. Private to libs/store.
#pragma once

#include <soci/soci.h>

namespace millrace::store {

class Transaction {
 public:
  Transaction(soci::session& session, const char* begin) : session_(session) { session_ << begin; }
  ~Transaction() {
    if (committed_) return;
    try {
      session_ << "ROLLBACK";
    } catch (const soci::soci_error&) {
      // Already rolled back: by SQLite after some errors (full disk, I/O), by the end of a connection.
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

}  // namespace millrace::store
