#include "config.hpp"

#include <utility>

#include "net/egress_policy.hpp"

namespace millrace::auth {

void AuthConfig::add_rows(ConfigTable& table) {
  table.secret(
      "MILLRACE_SECRET", server_secret,
      "server secret, at least 32 characters: stream keys are stored under it; the database is of no use "
      "without it");
  table.secret("API_TOKEN_SECRET", token_secret,
               "secret that bearer tokens are signed with, at least 32 characters");
  table.secret("DATABASE_URL", database_url,
               "database of streams and keys: the path of an SQLite file, or "
               "`postgresql://user:password@host:port/database?sslmode=…`; unset: `data/streaming.db` in "
               "MILLRACE_HOME");
  table.integer("AUTH_OPS_PORT", ops_port, "9102", {0, 65535},
                "HTTP port of auth's health and metrics; 0 takes a free one");
  table.text("OPS_ADDRESS", ops_address, "127.0.0.1", "address that the health and metrics ports listen on");
  table.choice("PUBLISH_AUTH", publish_auth, "auto", {"auto", "store", "callback", "hooks"},
               "who knows the streams: our own store of keys, the callback, or the SRS or nginx hooks; auto: "
               "the callback "
               "when CALLBACK_URL is set, else the store. Hooks that are set are asked after the store or "
               "the callback agreed");
  table.boolean("PRIVATE_STREAMS", private_streams, "false",
                "new streams are private: only who has the key may watch");
  table.text("CALLBACK_URL", callback_url, "",
             "http(s) URL that decides about publishers and hears of their ends; empty: none");
  table.secret("JWT_SECRET", callback_secret,
               "secret that the callback's events are signed with; needed with CALLBACK_URL");
  table.text("CUSTOM_JWT_SUBJECT", callback_subject, "rtmp_event", "sub of the callback's events");
  table.text("RTMP_HOST", rtmp_host, "", "what the callback is told as rtmp_host");
  table.integer("RTMP_PORT", rtmp_port, "1935", {0, 65535}, "what the callback is told as rtmp_port");
  table.duration(
      "HOOK_TIMEOUT_MS", hook_timeout, "4000", {100, 20'000},
      "milliseconds that a callback or hook has to answer; less where DECISION_TIMEOUT_MS leaves less");
  table.text("SRS_HOOK_URL", srs_hook_url, "",
             "http(s) URL of SRS-style hooks (on_publish, on_unpublish, on_play, on_stop); empty: none");
  table.text("NGINX_ON_PUBLISH", nginx_on_publish, "",
             "http(s) URL of an nginx-rtmp-style on_publish; empty: none");
  table.text("NGINX_ON_PUBLISH_DONE", nginx_on_publish_done, "", "the same for on_publish_done");
  table.text("NGINX_ON_PLAY", nginx_on_play, "", "the same for on_play");
  table.text("NGINX_ON_PLAY_DONE", nginx_on_play_done, "", "the same for on_play_done");
  table.boolean("REDIS_USE", redis_use, "false", "commands are taken from a channel of a Redis server");
  table.text("REDIS_HOST", redis_host, "localhost", "name or address of the Redis server");
  table.integer("REDIS_PORT", redis_port, "6379", {1, 65535}, "TCP port of the Redis server");
  table.secret("REDIS_PASSWORD", redis_password, "password for the Redis server's AUTH");
  table.text("REDIS_CHANNEL", redis_channel, "rtmp_commands", "channel that commands come on");
  table.boolean(
      "REDIS_TLS", redis_tls, "false",
      "not available: auth's Redis client speaks no TLS and refuses to start with it; use a TLS tunnel");
  identities.add_rows(table);
  bus.add_rows(table);
}

Result<void> AuthConfig::check() const {
  // Ours to set, so any address will do; but only http and https are spoken.
  const net::EgressPolicy policy =
      net::EgressPolicy::create({.schemes = {"http", "https"}, .allowed = "*"}).value();
  const std::pair<const char*, const std::string*> urls[] = {
      {"CALLBACK_URL", &callback_url},         {"SRS_HOOK_URL", &srs_hook_url},
      {"NGINX_ON_PUBLISH", &nginx_on_publish}, {"NGINX_ON_PUBLISH_DONE", &nginx_on_publish_done},
      {"NGINX_ON_PLAY", &nginx_on_play},       {"NGINX_ON_PLAY_DONE", &nginx_on_play_done}};
  for (const auto& [name, url] : urls) {
    if (!url->empty() && !policy.check_url(*url)) {
      return fail("config.hooks",
                  std::string(name) + " must be an http or https URL without user information");
    }
  }
  if (!callback_url.empty() && callback_secret.empty()) {
    return fail("config.hooks",
                "CALLBACK_URL needs JWT_SECRET: events signed with nothing could come from anybody");
  }
  if (redis_use && redis_tls) {
    return fail("config.redis",
                "REDIS_TLS: Redis over TLS is not available; set it to NO and put a TLS tunnel in front");
  }
  if (publish_auth == "callback" && callback_url.empty()) {
    return fail("config.hooks", "PUBLISH_AUTH=callback needs CALLBACK_URL");
  }
  if (publish_auth == "hooks" && srs_hook_url.empty() && nginx_on_publish.empty()) {
    return fail("config.hooks", "PUBLISH_AUTH=hooks needs SRS_HOOK_URL or NGINX_ON_PUBLISH");
  }
  return {};
}

std::string AuthConfig::database(const std::string& home) const {
  return database_url.empty() ? home + "/data/streaming.db" : database_url.reveal();
}

}  // namespace millrace::auth
