// The decisions of auth, without bus, actor or clock: who may publish, who may watch, whose stream is it. One
// owner, one thread at a time; calls block for one database transaction at most. Times are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bounded_map.hpp"
#include "base/wall_time.hpp"
#include "streams/failure_limiter.hpp"
#include "streams/key_vault.hpp"
#include "streams/stream_store.hpp"

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

struct PlayAdmission {
  std::string stream_id;
  std::uint64_t play_tag = 0;  // of the key it came with; 0: it came with none
};

class Decisions {
 public:
  using KeyLookup = std::function<std::string(std::string_view key)>;

  // store and vault outlive the decisions. lookup is the vault's own when left out; tests count its calls.
  Decisions(StreamStore& store, const KeyVault& vault, DecisionLimits limits, KeyLookup lookup = {});
  // New streams are private.
  void make_private(bool by_default) { private_by_default_ = by_default; }
  // Says whether a playback token opens a stream to a peer.
  using TokenCheck =
      std::function<bool(std::string_view token, std::string_view stream_id, std::string_view peer)>;
  void take_tokens(TokenCheck check) { token_check_ = std::move(check); }

  // nullopt: no. A wrong, an unknown and a banned key take the same steps (one HMAC, one database statement)
  // and give the same answer; so does an address that failed too often, without the steps. Errors: those of
  // the store.
  Result<std::optional<Admission>> authorize_publish(const std::string& app, std::string_view key,
                                                     std::string_view peer, std::int64_t now_us);
  // The two halves of it, for when somebody outside is asked in between: the stream's id, then the admission.
  // Only the first counts failures, as the second one's is no guess.
  Result<std::optional<std::string>> find_publishable(const std::string& app, std::string_view key,
                                                      std::string_view peer, std::int64_t now_us);
  Result<std::optional<Admission>> admit(const std::string& app, std::string_view key);
  // name: the public id or the key; key: the key beside the id, may be empty; token: a playback token, may be
  // empty. A private stream needs one of them.
  Result<std::optional<PlayAdmission>> authorize_play(const std::string& app, std::string_view name,
                                                      std::string_view key, std::string_view peer,
                                                      std::int64_t now_us, std::string_view token = {});
  // For those whose name is not ours to look up: may this address try, and it was wrong.
  bool may_publish(std::string_view peer, std::int64_t now_us) const;
  bool may_play(std::string_view peer, std::int64_t now_us) const;
  void publish_failed(std::string_view peer, std::int64_t now_us);
  void play_failed(std::string_view peer, std::int64_t now_us);
  // Whether this playback token opens the stream to this peer.
  bool opens(std::string_view token, std::string_view stream_id, std::string_view peer) const;
  // Of players and publications with this key; never 0.
  std::uint64_t play_tag(std::string_view key) const;
  // The same where a stream has no key and only tokens open it.
  std::uint64_t token_tag(std::string_view stream_id) const;

  // The subject's stream, made when there is none. Errors: auth.subject, auth.unsealable, those of the store.
  Result<OwnedStream> ensure_stream(const std::string& subject, WallTime wall);
  // With keys when the subject is named, without when it is empty (all streams). Errors as above.
  Result<std::vector<OwnedStream>> list_streams(const std::string& subject);
  // By id or by key. Errors: auth.unknown_stream, those of the store.
  Result<StreamRecord> get_stream(std::string_view name);
  // The same with its key. Errors: also auth.unsealable.
  Result<OwnedStream> get_owned_stream(std::string_view name);
  // Those of these ids that there are; at most kMostAsked are looked up. Errors: those of the store.
  static constexpr std::size_t kMostAsked = 500;
  // Errors: also auth.unsealable when keys are wanted.
  Result<std::vector<OwnedStream>> get_streams(const std::vector<std::string>& stream_ids, bool with_keys);
  // Errors: auth.unknown_stream, those of the store.
  Result<StreamRecord> update_settings(const std::string& stream_id, const SettingsChange& change);
  // Publishers of this stream are refused until then; 0 ends it. At most kMaxHolds streams: the oldest ends.
  static constexpr std::size_t kMaxHolds = 1024;
  void hold(const std::string& stream_id, std::int64_t until_us);
  // Another key; the old one is worth nothing from now on. Errors: auth.unknown_stream (also: not subject's,
  // unless that is empty), those of the store.
  Result<OwnedStream> regenerate_key(const std::string& stream_id, const std::string& subject);
  // What the stream is then, and what is revoked of it. Errors: auth.unknown_stream, those of the store.
  Result<StreamRecord> set_private(const std::string& stream_id, bool is_private);
  // As those of StreamStore.
  Result<std::vector<std::string>> list_private(std::size_t limit) { return store_.list_private(limit); }
  Result<std::vector<std::string>> list_barred(std::size_t limit) { return store_.list_barred(limit); }
  Result<std::vector<RevokedStream>> list_revoked(std::size_t limit) { return store_.list_revoked(limit); }
  Result<void> raise_epochs(std::span<const LivePublication> live) { return store_.raise_epochs(live); }
  // As set_private. A banned stream may neither be published nor watched.
  Result<StreamRecord> set_banned(const std::string& stream_id, bool banned);

 private:
  Result<OwnedStream> unseal(StreamRecord record) const;
  bool is_held(const std::string& stream_id, std::int64_t now_us) const;

  StreamStore& store_;
  const KeyVault& vault_;
  KeyLookup lookup_;
  FailureLimiter publish_failures_;
  FailureLimiter play_failures_;
  Result<std::optional<PlayAdmission>> play_by_token(const std::string& app, std::string_view name);

  bool private_by_default_ = false;
  TokenCheck token_check_;
  BoundedMap<std::string, std::int64_t> holds_{kMaxHolds};  // until when
};

}  // namespace millrace::auth
