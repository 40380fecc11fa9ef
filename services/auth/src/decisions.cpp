#include "decisions.hpp"

#include "token.hpp"

namespace millrace::auth {
namespace {

// Names and keys are at most 128 characters; what is longer fails like any other wrong one, at a bounded
// cost.
constexpr std::size_t kMaxNameLength = 256;

std::string bounded(std::string_view text) {
  return std::string(text.substr(0, kMaxNameLength));
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
  Result<std::optional<Admission>> admission = store_.admit_publication(lookup_(bounded(key)), bounded(app));
  if (admission && !*admission) publish_failures_.failed(address, now_us);
  return admission;
}

Result<std::optional<std::string>> Decisions::authorize_play(const std::string& app, std::string_view name,
                                                             std::string_view peer, std::int64_t now_us) {
  const std::string address = limiter_name(peer);
  if (!play_failures_.may_try(address, now_us)) return std::optional<std::string>();
  const std::string bounded_name = bounded(name);
  Result<std::optional<std::string>> id =
      store_.find_playable(bounded_name, lookup_(bounded_name), bounded(app));
  if (id && !*id) play_failures_.failed(address, now_us);
  return id;
}

Result<OwnedStream> Decisions::unseal(StreamRecord record) const {
  Result<Secret> key = vault_.open(record.key_sealed, record.stream_id);
  if (!key) return fail(key.error(), "the key of stream " + record.stream_id);
  return OwnedStream{std::move(record), std::move(*key)};
}

Result<OwnedStream> Decisions::ensure_stream(const std::string& subject, std::int64_t wall_us) {
  if (!is_valid_subject(subject)) {
    return fail("auth.subject", "a subject has 1 to 256 bytes without control characters");
  }
  const Secret key = KeyVault::new_key();
  StreamRecord candidate;
  candidate.stream_id = KeyVault::new_stream_id();
  candidate.subject = subject;
  candidate.key_lookup = lookup_(key.reveal());
  candidate.key_sealed = vault_.seal(key, candidate.stream_id);
  candidate.created_wall_us = wall_us;
  candidate.updated_wall_us = wall_us;
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
  Result<std::optional<StreamRecord>> record = store_.find(bounded_name, lookup_(bounded_name));
  if (!record) return tl::unexpected(record.error());
  if (!*record) return fail("auth.unknown_stream", "no such stream");
  return std::move(**record);
}

Result<void> Decisions::set_banned(const std::string& stream_id, bool banned) {
  const Result<bool> changed = store_.set_banned(stream_id, banned);
  if (!changed) return tl::unexpected(changed.error());
  if (!*changed) return fail("auth.unknown_stream", "no such stream");
  return {};
}

Result<void> Decisions::check() {
  const Result<std::optional<StreamRecord>> asked = store_.find("", "");
  if (!asked) return tl::unexpected(asked.error());
  return {};
}

}  // namespace millrace::auth
