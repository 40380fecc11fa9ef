// Sends mails through an SMTP server (RFC 5321), over libcurl: one thread, one mail at a time, TLS verified,
// with retries. A server that is slow or gone costs its own thread its deadlines and nobody else anything.
//
// Any thread may call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/secret.hpp"
#include "mail/message.hpp"
#include "mail/outbox.hpp"

namespace millrace::mail {

enum class Security : std::uint8_t {
  kStartTls,  // needed: never in clear when the server does not offer it
  kTls,       // from the first byte
  kNone,
};

struct MailerSettings {
  std::string server;
  std::uint16_t port = 587;
  Security security = Security::kStartTls;
  std::string ca_file;  // empty: the system's authorities
  std::string user;     // empty: no AUTH
  Secret password;
  std::string from;
  std::chrono::seconds try_timeout{30};  // of one try, connecting included
};

class Mailer {
 public:
  enum class Outcome : std::uint8_t { kSent, kRetried, kGivenUp, kDropped };
  // Runs on the mailer's thread (kDropped: on the caller's) and must not block. reason: without the address.
  using Observer = std::function<void(Outcome, const std::string& reason)>;

  Mailer(MailerSettings settings, Observer observer, OutboxLimits limits = {});
  ~Mailer();  // what has not been sent is lost; a try in progress is broken off
  Mailer(const Mailer&) = delete;
  Mailer& operator=(const Mailer&) = delete;

  // Never waits. A full outbox drops it and notifies the observer.
  void send(Message message);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace millrace::mail
