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
      {2,
       "private streams; channels and sessions that somebody outside decides about",
       {
           "ALTER TABLE streams ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
           // A stream that only a callback or hook knows: what we have to remember of it ourselves.
           "CREATE TABLE channels ("
           "channel VARCHAR(128) PRIMARY KEY, "
           "epoch BIGINT NOT NULL DEFAULT 0, "
           "banned INTEGER NOT NULL DEFAULT 0, "
           "private INTEGER NOT NULL DEFAULT 0)",
           // Until everybody who accepted a session has heard of its end. The details hold keys: sealed.
           "CREATE TABLE sessions ("
           "id INTEGER PRIMARY KEY, "
           "publication_id CHAR(16) NOT NULL UNIQUE, "
           "stream_id VARCHAR(128) NOT NULL, "
           "owed INTEGER NOT NULL, "
           "admitted_wall_us BIGINT NOT NULL, "
           "ended_wall_us BIGINT NOT NULL DEFAULT 0, "
           "details_sealed TEXT NOT NULL)",
       }},
  };
  return kMigrations;
}

}  // namespace millrace::auth
