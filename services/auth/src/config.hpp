// The configuration of auth: one row each in docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"
#include "identities/identity_config.hpp"

namespace millrace::auth {

struct AuthConfig {
  Secret server_secret;
  Secret token_secret;
  Secret database_url;  // of a server it has a password
  http::OpsConfig ops;
  std::string publish_auth;
  bool private_streams = false;
  std::string callback_url;
  Secret callback_secret;
  std::string callback_subject;
  std::string rtmp_host;
  std::uint16_t rtmp_port = 0;
  std::chrono::milliseconds hook_timeout{4000};
  std::string hook_stream;
  std::string srs_hook_url;
  std::string nginx_on_publish;
  std::string nginx_on_publish_done;
  std::string nginx_on_play;
  std::string nginx_on_play_done;
  bool redis_use = false;
  bool redis_tls = false;
  std::string redis_host;
  std::uint16_t redis_port = 6379;
  Secret redis_password;
  std::string redis_channel;
  bool sign_up = true;
  std::chrono::minutes access_token_lifetime{30};
  unsigned account_attempts = 10;
  std::string domain;
  std::string smtp_server;
  std::uint16_t smtp_port = 587;
  std::string smtp_tls;
  std::string smtp_ca_file;
  std::string smtp_user;
  Secret smtp_password;
  std::string smtp_from;
  Secret playback_secret;
  Secret playback_secret_previous;
  std::chrono::seconds playback_grant{300};
  IdentityConfig identities;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  // DATABASE_URL, or the file below home when it is unset. Holds a password.
  std::string database(const std::string& home) const;
  // What add_rows can't see: variables that need each other. Errors: config.hooks,
  // config.redis, config.mail.
  Result<void> check() const;

 private:
  Result<void> check_mail() const;
};

}  // namespace millrace::auth
