#include "schema.hpp"

namespace millrace::auth {

std::span<const store::Migration> schema() {
  static const std::vector<store::Migration> kMigrations = {
      {1,
       "streams and the server secret's verifier",
       {
           // Keys of all kinds are text: hexadecimal, the same in every database.
           "CREATE TABLE streams ("
           "id INTEGER PRIMARY KEY, "
           "stream_id VARCHAR(128) NOT NULL UNIQUE, "
           "subject VARCHAR(256) NOT NULL, "
           "key_lookup CHAR(64) NOT NULL UNIQUE, "
           "key_sealed VARCHAR(512) NOT NULL, "
           "quality VARCHAR(32) NOT NULL DEFAULT '', "
           "max_bitrate_kbps INTEGER NOT NULL DEFAULT 0, "
           "resolution VARCHAR(32) NOT NULL DEFAULT '', "
           "banned INTEGER NOT NULL DEFAULT 0, "
           "epoch BIGINT NOT NULL DEFAULT 0, "
           "created_wall_us BIGINT NOT NULL, "
           "updated_wall_us BIGINT NOT NULL)",
           "CREATE INDEX streams_subject ON streams (subject)",
           "CREATE TABLE server_secret (id INTEGER PRIMARY KEY CHECK (id = 1), verifier CHAR(64) NOT NULL)",
       }},
  };
  return kMigrations;
}

}  // namespace millrace::auth
