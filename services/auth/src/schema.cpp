#include "schema.hpp"

namespace millrace::auth {

std::span<const store::Migration> schema() {
  static const std::vector<store::Migration> migrations = {
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
           // Until all hooks that accepted a session have acknowledged its end. The details hold keys:
           // sealed.
           "CREATE TABLE sessions ("
           "id INTEGER PRIMARY KEY, "
           "publication_id CHAR(16) NOT NULL UNIQUE, "
           "stream_id VARCHAR(128) NOT NULL, "
           "owed INTEGER NOT NULL, "
           "admitted_wall_us BIGINT NOT NULL, "
           "ended_wall_us BIGINT NOT NULL DEFAULT 0, "
           "details_sealed TEXT NOT NULL)",
       }},
      {3,
       "accounts, password resets and revoked tokens",
       {
           // The keys are what is unique: the text in lower case. The picture is a data URL.
           "CREATE TABLE accounts ("
           "id VARCHAR(32) PRIMARY KEY, "
           "email VARCHAR(254) NOT NULL, "
           "email_key VARCHAR(254) NOT NULL UNIQUE, "
           "dj_name VARCHAR(256) NOT NULL, "
           "dj_name_key VARCHAR(256) NOT NULL UNIQUE, "
           "timezone VARCHAR(64) NOT NULL, "
           "profile_picture TEXT NOT NULL, "
           "password_hash VARCHAR(128) NOT NULL, "
           "is_active INTEGER NOT NULL, "
           "is_admin INTEGER NOT NULL, "
           "created_wall_us BIGINT NOT NULL, "
           "updated_wall_us BIGINT NOT NULL)",
           "CREATE INDEX accounts_created ON accounts (created_wall_us, id)",
           // One per account. An HMAC of the token, never the token.
           "CREATE TABLE password_resets ("
           "account_id VARCHAR(32) PRIMARY KEY, "
           "token_lookup CHAR(64) NOT NULL UNIQUE, "
           "expires_wall_us BIGINT NOT NULL)",
           // Also of accounts that are gone. Forgotten when every such token has expired.
           "CREATE TABLE revoked_tokens (subject VARCHAR(32) PRIMARY KEY, until_wall_us BIGINT NOT NULL)",
       }},
      {4,
       "viewer keys and the devices that use them",
       {
           "CREATE TABLE viewers ("
           "viewer_id CHAR(16) PRIMARY KEY, "
           "stream_id VARCHAR(128) NOT NULL, "
           "label VARCHAR(256) NOT NULL, "
           "key_lookup CHAR(64) NOT NULL UNIQUE, "
           "max_devices INTEGER NOT NULL, "
           "expires_wall_us BIGINT NOT NULL DEFAULT 0, "
           "created_wall_us BIGINT NOT NULL, "
           // Not 0: taken back, and to be remembered until then.
           "revoked_until_us BIGINT NOT NULL DEFAULT 0)",
           "CREATE INDEX viewers_stream ON viewers (stream_id)",
           "CREATE TABLE viewer_leases ("
           "lease_id CHAR(16) PRIMARY KEY, "
           "viewer_id CHAR(16) NOT NULL, "
           "device_lookup CHAR(64) NOT NULL, "
           "until_wall_us BIGINT NOT NULL, "
           "released INTEGER NOT NULL DEFAULT 0)",
           "CREATE INDEX viewer_leases_viewer ON viewer_leases (viewer_id)",
       }},
      {5,
       "when an account's e-mail address was changed",
       {
           // 0: never. No password is reset through an address that is too young.
           "ALTER TABLE accounts ADD COLUMN email_changed_wall_us BIGINT NOT NULL DEFAULT 0",
       }},
      {6,
       "streams of accounts that were deleted",
       {
           // Their tokens still run, and the media log may still have something of them. Ids are never used
           // twice.
           "CREATE TABLE deleted_streams ("
           "stream_id VARCHAR(128) PRIMARY KEY, "
           "deleted_wall_us BIGINT NOT NULL)",
           "CREATE INDEX deleted_streams_when ON deleted_streams (deleted_wall_us)",
       }},
      {7,
       "up to which epoch a stream's publications were revoked",
       {
           // 0: none was. Committed with what revokes them, as auth may die before ingest has heard of it.
           "ALTER TABLE streams ADD COLUMN revoked_epoch BIGINT NOT NULL DEFAULT 0",
           "ALTER TABLE channels ADD COLUMN revoked_epoch BIGINT NOT NULL DEFAULT 0",
           "ALTER TABLE channels ADD COLUMN revoked_wall_us BIGINT NOT NULL DEFAULT 0",
           "ALTER TABLE deleted_streams ADD COLUMN revoked_epoch BIGINT NOT NULL DEFAULT 0",
           // NOLINTNEXTLINE(bugprone-suspicious-missing-comma)
           "UPDATE streams SET revoked_epoch = epoch WHERE banned = 1 "
           "OR subject IN (SELECT id FROM accounts WHERE is_active = 0)",
           "UPDATE channels SET revoked_epoch = epoch WHERE banned = 1",
       }},
      {8,
       "which deleted streams' recordings are to go too",
       {
           "ALTER TABLE deleted_streams ADD COLUMN recordings_unwanted INTEGER NOT NULL DEFAULT 0",
       }},
  };
  return migrations;
}

}  // namespace millrace::auth
