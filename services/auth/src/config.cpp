#include "config.hpp"

namespace millrace::auth {

void AuthConfig::add_rows(ConfigTable& table) {
  table.secret(
      "MILLRACE_SECRET", server_secret,
      "server secret, at least 32 characters: stream keys are stored under it; the database is of no use "
      "without it");
  table.secret("API_TOKEN_SECRET", token_secret,
               "secret that bearer tokens are signed with, at least 32 characters");
  table.text("DATABASE_URL", database_url, "",
             "database of streams and keys: the path of an SQLite file; unset: `data/streaming.db` in "
             "MILLRACE_HOME");
  table.integer("AUTH_OPS_PORT", ops_port, "9102", {0, 65535},
                "HTTP port of auth's health and metrics; 0 takes a free one");
  table.text("OPS_ADDRESS", ops_address, "127.0.0.1", "address that the health and metrics ports listen on");
  bus.add_rows(table);
}

std::string AuthConfig::database(const std::string& home) const {
  return database_url.empty() ? home + "/data/streaming.db" : database_url;
}

}  // namespace millrace::auth
