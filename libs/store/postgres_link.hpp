// One connection to a PostgreSQL server, and how it is made. Private to libs/store.
#pragma once

#include <soci/soci.h>

#include <chrono>
#include <memory>
#include <string>

#include "store/postgres_url.hpp"
#include "store/watchdog.hpp"

namespace millrace::store {

struct PostgresSettings {
  PostgresTarget target;
  std::chrono::milliseconds busy_timeout{2000};
  std::chrono::milliseconds answer_timeout{5000};
};

class PostgresLink {
 public:
  // Blocks, at the longest for libpq's connect_timeout per address and answer_timeout. Any thread.
  // fingerprint: what the database must have; empty: anything. Errors: store.unavailable, store.replaced,
  // store.unsupported.
  static Result<std::unique_ptr<PostgresLink>> connect(const PostgresSettings& settings,
                                                       const std::string& fingerprint);

  soci::session& session() { return session_; }
  Watchdog& watchdog() { return *watchdog_; }
  // The server or the watchdog ended it.
  bool lost();

 private:
  PostgresLink() = default;
  void take_over(const PostgresSettings& settings);

  soci::session session_;
  std::unique_ptr<Watchdog> watchdog_;
};

// Tells two databases apart that have the same schema and secret: when which migration was applied.
// Empty: nothing of ours is there. Throws what SOCI throws.
std::string postgres_fingerprint(soci::session& session);

}  // namespace millrace::store
