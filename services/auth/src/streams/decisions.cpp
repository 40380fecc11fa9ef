#include "streams/decisions.hpp"

#include <algorithm>
#include <charconv>

#include "base/reply_codes.hpp"
#include "base/utf8.hpp"
#include "token.hpp"

namespace millrace::auth {
namespace {

// Names and keys are at most 128 characters; what is longer fails like any other wrong one, at a bounded
// cost.
constexpr std::size_t kMaxNameLength = 256;

std::string bounded(std::string_view text) {
  return std::string(text.substr(0, kMaxNameLength));
}

// For statements: what no database can hold is nobody's name. (PostgreSQL takes UTF-8 only and no NUL.)
std::string as_name(std::string_view text) {
  std::string name = bounded(text);
  if (!is_valid_utf8(name) || name.find('\0') != std::string::npos) name.clear();
  return name;
}

// Of an HMAC of the key: it distinguishes two keys and shows nothing of either.
std::uint64_t tag_of(std::string_view lookup) {
  std::uint64_t tag = 0;
  const std::string_view digits = lookup.substr(0, 16);
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), tag, 16);
  return tag | 1;
}

}  // namespace

Decisions::Decisions(StreamStore& store, const KeyVault& vault, DecisionLimits limits, KeyLookup lookup)
    : store_(store),
      vault_(vault),
      lookup_(lookup ? std::move(lookup) : [&vault](std::string_view key) { return vault.lookup(key); }),
      publish_failures_(limits.publish),
      play_failures_(limits.play) {}

Result<std::optional<Admission>> Decisions::authorize_publish(const std::string& app, std::string_view key,
                                                              std::string_view peer, std::int64_t now_us) {
  const std::string address = limiter_name(peer);
  if (!publish_failures_.may_try(address, now_us)) return std::optional<Admission>();
  const std::string lookup = lookup_(bounded(key));
  Result<std::optional<Admission>> admission = store_.admit_publication(lookup, as_name(app));
  if (admission && !*admission) publish_failures_.failed(address, now_us);
  // The key is right, so it is no failure of the address.
  if (admission && *admission && is_held((*admission)->stream_id, now_us)) admission->reset();
  if (admission && *admission && (*admission)->is_private) (*admission)->play_tag = tag_of(lookup);
  return admission;
}

Result<std::optional<std::string>> Decisions::find_publishable(const std::string& app, std::string_view key,
                                                               std::string_view peer, std::int64_t now_us) {
  if (!may_publish(peer, now_us)) return std::optional<std::string>();
  Result<std::optional<std::string>> id = store_.find_publishable(lookup_(bounded(key)), as_name(app));
  if (id && !*id) publish_failed(peer, now_us);
  if (id && *id && is_held(**id, now_us)) id->reset();
  return id;
}

Result<std::optional<Admission>> Decisions::admit(const std::string& app, std::string_view key) {
  const std::string lookup = lookup_(bounded(key));
  Result<std::optional<Admission>> admission = store_.admit_publication(lookup, as_name(app));
  if (admission && *admission && (*admission)->is_private) (*admission)->play_tag = tag_of(lookup);
  return admission;
}

bool Decisions::may_publish(std::string_view peer, std::int64_t now_us) const {
  return publish_failures_.may_try(limiter_name(peer), now_us);
}

bool Decisions::may_play(std::string_view peer, std::int64_t now_us) const {
  return play_failures_.may_try(limiter_name(peer), now_us);
}

void Decisions::publish_failed(std::string_view peer, std::int64_t now_us) {
  publish_failures_.failed(limiter_name(peer), now_us);
}

void Decisions::play_failed(std::string_view peer, std::int64_t now_us) {
  play_failures_.failed(limiter_name(peer), now_us);
}

bool Decisions::opens(std::string_view token, std::string_view stream_id, std::string_view peer) const {
  return !token.empty() && token_check_ && token_check_(token, stream_id, peer);
}

std::uint64_t Decisions::play_tag(std::string_view key) const {
  return tag_of(vault_.lookup(key));
}

std::uint64_t Decisions::token_tag(std::string_view stream_id) const {
  return play_tag("playback token of " + std::string(stream_id));
}

Result<std::optional<PlayAdmission>> Decisions::authorize_play(const std::string& app, std::string_view name,
                                                               std::string_view key, std::string_view peer,
                                                               std::int64_t now_us, std::string_view token) {
  if (!may_play(peer, now_us)) return std::optional<PlayAdmission>();
  PlayName wanted{.name = as_name(name), .name_lookup = lookup_(bounded(name)), .key_lookup = {}};
  wanted.key_lookup = key.empty() ? wanted.name_lookup : lookup_(bounded(key));
  const Result<std::optional<Playable>> found = store_.find_playable(wanted, as_name(app));
  if (!found) return tl::unexpected(found.error());
  if (!*found && opens(token, name, peer)) return play_by_token(app, name);
  if (!*found) {
    play_failed(peer, now_us);
    return std::optional<PlayAdmission>();
  }
  const Playable& playable = **found;
  // Also of a public stream: a viewer with a token stays when it becomes private.
  const bool with_key = playable.key_lookup == wanted.key_lookup ||
                        playable.key_lookup == wanted.name_lookup || opens(token, playable.stream_id, peer);
  return std::optional(PlayAdmission{playable.stream_id, with_key ? tag_of(playable.key_lookup) : 0});
}

// The token names the stream, so that the name is its id.
Result<std::optional<PlayAdmission>> Decisions::play_by_token(const std::string& app, std::string_view name) {
  const Result<std::optional<StreamRecord>> record = store_.find(bounded(name), "");
  if (!record) return tl::unexpected(record.error());
  if (!*record || (*record)->barred || (app != "live" && app != (*record)->stream_id))
    return std::optional<PlayAdmission>();
  return std::optional(PlayAdmission{(*record)->stream_id, tag_of((*record)->key_lookup)});
}

Result<OwnedStream> Decisions::unseal(StreamRecord record) const {
  Result<Secret> key = vault_.open(record.key_sealed, record.stream_id);
  if (!key) return fail(key.error(), "the key of stream " + record.stream_id);
  return OwnedStream{std::move(record), std::move(*key)};
}

Result<OwnedStream> Decisions::ensure_stream(const std::string& subject, WallTime wall) {
  if (!is_valid_subject(subject)) {
    return fail("auth.subject", "a subject has 1 to 512 bytes without control characters");
  }
  const Secret key = KeyVault::new_key();
  StreamRecord candidate;
  candidate.stream_id = KeyVault::new_stream_id();
  candidate.subject = subject;
  candidate.key_lookup = lookup_(key.reveal());
  candidate.key_sealed = vault_.seal(key, candidate.stream_id);
  candidate.is_private = private_by_default_;
  candidate.created_wall = wall;
  candidate.updated_wall = wall;
  Result<StreamRecord> stored = store_.ensure(candidate);
  if (!stored) return tl::unexpected(stored.error());
  return unseal(std::move(*stored));
}

Result<std::vector<OwnedStream>> Decisions::list_streams(const std::string& subject) {
  Result<std::vector<StreamRecord>> records = store_.list(subject);
  if (!records) return tl::unexpected(records.error());
  std::vector<OwnedStream> streams;
  streams.reserve(records->size());
  for (StreamRecord& record : *records) {
    if (subject.empty()) {
      streams.push_back({std::move(record), Secret()});
      continue;
    }
    Result<OwnedStream> owned = unseal(std::move(record));
    if (!owned) return tl::unexpected(owned.error());
    streams.push_back(std::move(*owned));
  }
  return streams;
}

Result<StreamRecord> Decisions::get_stream(std::string_view name) {
  const std::string bounded_name = bounded(name);
  Result<std::optional<StreamRecord>> record = store_.find(as_name(name), lookup_(bounded_name));
  if (!record) return tl::unexpected(record.error());
  if (!*record) return fail(reply_codes::kUnknownStream, "no such stream");
  return std::move(**record);
}

Result<OwnedStream> Decisions::get_owned_stream(std::string_view name) {
  Result<StreamRecord> record = get_stream(name);
  if (!record) return tl::unexpected(record.error());
  return unseal(std::move(*record));
}

Result<std::vector<OwnedStream>> Decisions::get_streams(const std::vector<std::string>& stream_ids,
                                                        bool with_keys) {
  std::vector<OwnedStream> streams;
  for (std::size_t i = 0; i < std::min(stream_ids.size(), kMostAsked); ++i) {
    Result<std::optional<StreamRecord>> record = store_.find(as_name(stream_ids[i]), "");
    if (!record) return tl::unexpected(record.error());
    if (!*record) continue;
    Result<OwnedStream> stream =
        with_keys ? unseal(std::move(**record)) : OwnedStream{std::move(**record), Secret()};
    if (!stream) return tl::unexpected(stream.error());
    streams.push_back(std::move(*stream));
  }
  return streams;
}

Result<StreamRecord> Decisions::update_settings(const std::string& stream_id, const SettingsChange& change) {
  Result<std::optional<StreamRecord>> record = store_.update_settings(stream_id, change);
  if (!record) return tl::unexpected(record.error());
  if (!*record) return fail(reply_codes::kUnknownStream, "no such stream");
  return std::move(**record);
}

void Decisions::hold(const std::string& stream_id, std::int64_t until_us) {
  if (until_us == 0) {
    holds_.erase(stream_id);
  } else {
    holds_.put(stream_id, until_us);
  }
}

bool Decisions::is_held(const std::string& stream_id, std::int64_t now_us) const {
  const std::int64_t* const until_us = holds_.find(stream_id);
  return until_us != nullptr && now_us < *until_us;
}

Result<StreamRecord> Decisions::set_banned(const std::string& stream_id, bool banned) {
  Result<std::optional<StreamRecord>> changed = store_.set_banned(stream_id, banned);
  if (!changed) return tl::unexpected(changed.error());
  if (!*changed) return fail(reply_codes::kUnknownStream, "no such stream");
  return std::move(**changed);
}

Result<StreamRecord> Decisions::set_private(const std::string& stream_id, bool is_private) {
  Result<std::optional<StreamRecord>> changed = store_.set_private(stream_id, is_private);
  if (!changed) return tl::unexpected(changed.error());
  if (!*changed) return fail(reply_codes::kUnknownStream, "no such stream");
  return std::move(**changed);
}

Result<OwnedStream> Decisions::regenerate_key(const std::string& stream_id, const std::string& subject) {
  const Secret key = KeyVault::new_key();
  Result<std::optional<StreamRecord>> record =
      store_.replace_key(stream_id, subject, lookup_(key.reveal()), vault_.seal(key, stream_id));
  if (!record) return tl::unexpected(record.error());
  if (!*record) return fail(reply_codes::kUnknownStream, "no such stream");
  return unseal(std::move(**record));
}

}  // namespace millrace::auth
