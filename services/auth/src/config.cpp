#include "config.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "mail/message.hpp"
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
  ops.add_rows(table, "OPS_ADDRESS", "AUTH_OPS_PORT", "9102",
               "HTTP port of auth's health and metrics; 0 takes a free one");
  table.choice(
      "PUBLISH_AUTH", publish_auth, "auto", {"auto", "store", "callback", "hooks"},
      "what decides about streams: our own store of keys, the callback, or the SRS or nginx hooks; auto: "
      "the callback "
      "when CALLBACK_URL is set, else the store. Hooks that are set are asked after the store or "
      "the callback agreed");
  table.boolean("PRIVATE_STREAMS", private_streams, "false",
                "new streams are private: the key or a playback token is needed to watch");
  table.secret(
      "PLAYBACK_SECRET", playback_secret,
      "secret that playback tokens are signed with, at least 32 characters, the same for auth, packaging and "
      "the API; unset: nobody but the key's holder can watch private streams");
  table.secret("PLAYBACK_SECRET_PREVIOUS", playback_secret_previous,
               "the secret before it: tokens signed with it are good until they run out");
  table.duration("PLAYBACK_GRANT_SECONDS", playback_grant, "300", {30, 3600},
                 "how long what a viewer key was exchanged for is good, and a device counts as active");
  table.text("CALLBACK_URL", callback_url, "",
             "http(s) URL that decides about publishers and is notified of their ends; empty: none");
  table.secret("JWT_SECRET", callback_secret,
               "secret that the callback's events are signed with; needed with CALLBACK_URL");
  table.text("CUSTOM_JWT_SUBJECT", callback_subject, "rtmp_event", "sub of the callback's events");
  table.text("RTMP_HOST", rtmp_host, "", "rtmp_host in what the callback is sent");
  table.integer("RTMP_PORT", rtmp_port, "1935", {0, 65535}, "rtmp_port in what the callback is sent");
  table.duration(
      "HOOK_TIMEOUT_MS", hook_timeout, "4000", {100, 20'000},
      "milliseconds that a callback or hook has to answer; less where DECISION_TIMEOUT_MS leaves less");
  table.choice(
      "HOOK_STREAM", hook_stream, "given", {"given", "id"},
      "the stream's name in what the SRS and nginx hooks are sent: what the peer gave, as those servers "
      "do (where the store decides that is the secret key), or the public id, with `key` and `token` left "
      "out of the query");
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
  table.boolean("REDIS_TLS", redis_tls, "false",
                "not available: auth's Redis client speaks no TLS and refuses to start with it beside "
                "REDIS_USE; use a TLS tunnel");
  table.boolean("SIGN_UP", sign_up, "true", "anybody may make an account");
  table.duration("ACCESS_TOKEN_MINUTES", access_token_lifetime, "30", {1, 1440},
                 "minutes that the token of a login is good for");
  table.integer(
      "ACCOUNT_ATTEMPTS", account_attempts, "10", {1, 10'000},
      "sign-ups and recoveries that an address may ask for in a row, and half of the wrong passwords "
      "it may try");
  table.text("DOMAIN", domain, "", "host (and port) of the site, for https links in mails");
  table.text("SMTP_SERVER", smtp_server, "",
             "name or address of the mail server; empty: no mail is sent, and passwords cannot be recovered");
  table.integer("SMTP_PORT", smtp_port, "587", {1, 65535}, "TCP port of the mail server");
  table.choice("SMTP_TLS", smtp_tls, "starttls", {"starttls", "tls", "none"},
               "how the way to the mail server is encrypted; starttls: not at all is an error");
  table.text("SMTP_CA_FILE", smtp_ca_file, "",
             "PEM file of the authorities that the mail server is verified by; empty: the system's");
  table.text("SMTP_USER", smtp_user, "", "user name for the mail server; empty: no login");
  table.secret("SMTP_PASSWORD", smtp_password, "password for the mail server");
  table.text("SMTP_FROM_EMAIL", smtp_from, "", "address that mails come from; needed with SMTP_SERVER");
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
                "REDIS_TLS: Redis over TLS is not available; set it to false and put a TLS tunnel in front");
  }
  if (publish_auth == "callback" && callback_url.empty()) {
    return fail("config.hooks", "PUBLISH_AUTH=callback needs CALLBACK_URL");
  }
  if (publish_auth == "hooks" && srs_hook_url.empty() && nginx_on_publish.empty()) {
    return fail("config.hooks", "PUBLISH_AUTH=hooks needs SRS_HOOK_URL or NGINX_ON_PUBLISH");
  }
  return check_mail();
}

// Names and addresses end up in URLs, commands and headers.
Result<void> AuthConfig::check_mail() const {
  const auto is_host = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == ':' ||
             c == '[' || c == ']';
    });
  };
  if (!is_host(domain)) return fail("config.mail", "DOMAIN must be a host name, perhaps with a port");
  if (smtp_server.empty()) return {};
  if (!is_host(smtp_server)) return fail("config.mail", "SMTP_SERVER must be a host name or an address");
  if (!mail::is_address(smtp_from))
    return fail("config.mail", "SMTP_SERVER needs SMTP_FROM_EMAIL: the address that mails come from");
  if (domain.empty())
    return fail("config.mail", "SMTP_SERVER needs DOMAIN: mails link to https://DOMAIN/reset-password");
  return {};
}

std::string AuthConfig::database(const std::string& home) const {
  return database_url.empty() ? home + "/data/streaming.db" : database_url.reveal();
}

}  // namespace millrace::auth
