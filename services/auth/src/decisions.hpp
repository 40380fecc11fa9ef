// The decisions of auth, without bus, actor or clock: who may publish, who may watch, whose stream is it. One
// owner, one thread at a time; calls block for one database transaction at most. Times are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "failure_limiter.hpp"
#include "key_vault.hpp"
#include "stream_store.hpp"

namespace millrace::auth {

struct DecisionLimits {
  FailureLimits publish;
  // Players ask for streams that are not there yet, so they may be wrong more often.
  FailureLimits play{.burst = 100, .per_second = 10, .max_addresses = 4096};
};

// A stream with its key in clear, for its owner.
struct OwnedStream {
  StreamRecord record;
  Secret key;
};

class Decisions {
 public:
  using KeyLookup = std::function<std::string(std::string_view key)>;

  // store and vault outlive the decisions. lookup is the vault's own when left out; tests count its calls.
  Decisions(StreamStore& store, const KeyVault& vault, DecisionLimits limits, KeyLookup lookup = {});

  // nullopt: no. A wrong, an unknown and a banned key take the same steps (one HMAC, one database statement)
  // and give the same answer; so does an address that failed too often, without the steps. Errors: those of
  // the store.
  [[nodiscard]] Result<std::optional<Admission>> authorize_publish(const std::string& app,
                                                                   std::string_view key,
                                                                   std::string_view peer,
                                                                   std::int64_t now_us);
  // name: the public id or the key. The answer is the public id.
  [[nodiscard]] Result<std::optional<std::string>> authorize_play(const std::string& app,
                                                                  std::string_view name,
                                                                  std::string_view peer, std::int64_t now_us);

  // The subject's stream, made when there is none. Errors: auth.subject, auth.unsealable, those of the store.
  [[nodiscard]] Result<OwnedStream> ensure_stream(const std::string& subject, std::int64_t wall_us);
  // With keys when the subject is named, without when it is empty (all streams). Errors as above.
  [[nodiscard]] Result<std::vector<OwnedStream>> list_streams(const std::string& subject);
  // By id or by key. Errors: auth.unknown_stream, those of the store.
  [[nodiscard]] Result<StreamRecord> get_stream(std::string_view name);
  // A banned stream may neither be published nor watched. Errors: auth.unknown_stream, those of the store.
  [[nodiscard]] Result<void> set_banned(const std::string& stream_id, bool banned);

  // Whether the database answers. Errors: those of the store.
  [[nodiscard]] Result<void> check();

 private:
  Result<OwnedStream> unseal(StreamRecord record) const;

  StreamStore& store_;
  const KeyVault& vault_;
  KeyLookup lookup_;
  FailureLimiter publish_failures_;
  FailureLimiter play_failures_;
};

}  // namespace millrace::auth
