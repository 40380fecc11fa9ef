// A server outside that decides about publishers and players, or is notified of them: the callback, an
// SRS-style hook, an nginx-rtmp-style one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "http/call.hpp"

namespace millrace::auth {

enum class Occasion : std::uint8_t { kPublish, kUnpublish, kPlay, kStop };

// One publication or play, as the peer asked for it. name and query may hold keys: never logged.
struct AccessRequest {
  std::uint64_t id = 0;  // of the publication or play
  std::string stream_id;
  std::string session_id;  // what the callback called it
  std::string app;
  std::string name;
  std::string query;  // without '?'
  std::string client_ip;
  std::string tc_url;
  std::string flash_version;
};

// The same without what opens a stream: its public id instead of the name it was asked by, no "key" and no
// "token" in the query, nothing behind the address it connected to.
AccessRequest without_secrets(const AccessRequest& request);

// What a hook said. forward_urls come from outside (net::EgressPolicy before use).
struct Verdict {
  bool accepted = false;
  std::string session_id{};
  std::vector<std::string> forward_urls{};
};

// How a kind of hook is spoken to: bytes only, no socket, no clock. Immutable; any thread.
class HookProtocol {
 public:
  virtual ~HookProtocol() = default;
  // nullopt: it is not notified of this occasion.
  virtual std::optional<http::Call> call(Occasion occasion, const AccessRequest& request,
                                         WallTime now) const = 0;
  // Of kPublish and kPlay. For kUnpublish and kStop any 2xx is an acknowledgement.
  virtual Verdict verdict(const http::CallAnswer& answer) const = 0;
};

// Values are bits and stored in the database: never changed.
enum class HookKind : std::uint8_t { kCallback = 1, kSrs = 2, kNginx = 4 };
constexpr std::uint32_t bit(HookKind kind) {
  return static_cast<std::uint32_t>(kind);
}
std::string_view to_string(HookKind kind);

class Hook {
 public:
  virtual ~Hook() = default;
  virtual HookKind kind() const = 0;
  virtual bool wants(Occasion occasion) const = 0;
  // Any thread; answers exactly once, on any thread. Errors: hook.unavailable while the hook is known not to
  // answer, those of http::Client.
  virtual void ask(Occasion occasion, const AccessRequest& request, std::chrono::milliseconds timeout,
                   std::function<void(Result<Verdict>)> answer) = 0;
};
using HookPtr = std::shared_ptr<Hook>;

}  // namespace millrace::auth
