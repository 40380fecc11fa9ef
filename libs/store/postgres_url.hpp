// DATABASE_URL of a PostgreSQL server: postgresql://user:password@host:port/database?sslmode=…, as libpq's
// own URIs, with our timeouts added. Private to libs/store.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace millrace::store {

bool is_postgres_url(std::string_view url);

struct PostgresTarget {
  std::string name;  // for people: "PostgreSQL at host:port/database"
  Secret password;   // as it is sent, to take it out of texts
  Secret uri;        // for libpq, every part escaped
};

// Errors: store.unsupported; they quote nothing of the URL, as a wrong place for a colon would quote the
// password. Parameters: sslmode, sslrootcert, sslcert, sslkey, sslcrl, channel_binding, target_session_attrs,
// host and port (a directory of sockets), application_name. Several hosts are tried in their order.
Result<PostgresTarget> parse_postgres_url(std::string_view url, std::chrono::milliseconds answer_timeout);

}  // namespace millrace::store
