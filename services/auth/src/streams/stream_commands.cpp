#include "streams/stream_commands.hpp"

#include <algorithm>
#include <optional>

#include "base/reply_codes.hpp"
#include "streams/request_handler.hpp"

namespace millrace::auth {

bool StreamCommands::handle(PendingRequest& pending, Now now) {
  const bus::v1::Request& request = pending.request();
  std::optional<Result<v1::Stream>> outcome;
  switch (request.payload_case()) {
    case bus::v1::Request::kRegenerateKey:
      outcome = regenerate_key(request.regenerate_key(), now);
      break;
    case bus::v1::Request::kSetBanned:
      outcome = set_banned(request.set_banned(), now);
      break;
    case bus::v1::Request::kSetPrivate:
      outcome = set_private(request.set_private(), now);
      break;
    case bus::v1::Request::kUpdateSettings:
      outcome = update_settings(request.update_settings(), now);
      break;
    case bus::v1::Request::kHoldStream:
      outcome = hold(request.hold_stream(), now);
      break;
    default:
      return false;
  }
  bus::v1::Reply reply;
  if (*outcome) {
    *reply.mutable_stream() = std::move(**outcome);
  } else {
    set_error(outcome->error(), reply);
  }
  pending.answer(std::move(reply));
  return true;
}

Result<v1::Stream> StreamCommands::regenerate_key(const v1::RegenerateKey& ask, Now now) {
  const Result<OwnedStream> stream = decisions_.regenerate_key(ask.stream_id(), ask.subject());
  if (!stream) return tl::unexpected<Error>(stream.error());
  revoke_own({ask.stream_id(), stream->record.epoch, stream->record.barred}, now);
  v1::Stream message;
  fill(*stream, message);
  return message;
}

Result<v1::Stream> StreamCommands::set_banned(const v1::SetBanned& ask, Now now) {
  Result<Flagged> flagged = set_flag(ask.stream_id(), true, ask.banned());
  if (!flagged) return tl::unexpected<Error>(flagged.error());
  announcer_.announce_barred(ask.stream_id(), flagged->barred);
  if (ask.banned()) closes_.revoke({ask.stream_id(), flagged->epoch, flagged->barred}, now);
  return std::move(flagged->stream);
}

Result<v1::Stream> StreamCommands::set_private(const v1::SetPrivate& ask, Now now) {
  Result<Flagged> flagged = set_flag(ask.stream_id(), false, ask.is_private());
  if (!flagged) return tl::unexpected<Error>(flagged.error());
  announcer_.announce_private(ask.stream_id(), ask.is_private());
  closes_.revoke({ask.stream_id(), flagged->epoch, flagged->barred}, now);
  return std::move(flagged->stream);
}

Result<StreamCommands::Flagged> StreamCommands::set_flag(const std::string& stream_id, bool ban, bool value) {
  Flagged flagged;
  flagged.barred = value;
  const Result<StreamRecord> changed =
      ban ? decisions_.set_banned(stream_id, value) : decisions_.set_private(stream_id, value);
  const bool store = policy_.decides == Decides::kStore;
  if (!changed && (store || changed.error().code != reply_codes::kUnknownStream))
    return tl::unexpected<Error>(changed.error());
  if (changed) {
    fill(*changed, flagged.stream);
    flagged.epoch = changed->epoch;
    flagged.barred = changed->barred;
  }
  if (store) return flagged;
  // Whoever publishes and plays is judged by the channel then, also where the store has a stream of this
  // name.
  const Result<Channel> channel =
      ban ? channels_.set_banned(stream_id, value) : channels_.set_private(stream_id, value);
  if (!channel) return tl::unexpected<Error>(channel.error());
  flagged.stream.set_stream_id(stream_id);
  flagged.stream.set_banned(channel->banned);
  flagged.stream.set_is_private(channel->is_private);
  flagged.epoch = channel->epoch;  // the store counts another stream's publications
  flagged.barred = channel->banned;
  return flagged;
}

Result<v1::Stream> StreamCommands::update_settings(const v1::UpdateSettings& ask, Now now) {
  SettingsChange change;
  if (ask.has_quality()) change.quality = ask.quality();
  if (ask.has_max_bitrate_kbps()) change.max_bitrate_kbps = ask.max_bitrate_kbps();
  if (ask.has_resolution()) change.resolution = ask.resolution();
  const Result<StreamRecord> record = decisions_.update_settings(ask.stream_id(), change);
  if (!record) return tl::unexpected<Error>(record.error());
  limits_.change({.stream_id = record->stream_id,
                  .max_bitrate_kbps = record->settings.max_bitrate_kbps,
                  .resolution = record->settings.resolution},
                 now);
  v1::Stream message;
  fill(*record, message);
  return message;
}

Result<v1::Stream> StreamCommands::hold(const v1::HoldStream& ask, Now now) {
  const Result<StreamRecord> record = decisions_.get_stream(ask.stream_id());
  if (!record) return tl::unexpected<Error>(record.error());
  // By its id only: a key's holder publishes with it and does not come here.
  if (record->stream_id != ask.stream_id()) return fail(reply_codes::kUnknownStream, "no such stream");
  const std::int64_t hold_us = std::clamp<std::int64_t>(ask.hold_us(), 0, kMaxHoldUs);
  decisions_.hold(record->stream_id, hold_us == 0 ? 0 : now.monotonic_us + hold_us);
  if (ask.cut()) revoke_own({record->stream_id, record->epoch, true}, now);
  v1::Stream message;
  fill(*record, message);
  return message;
}

void StreamCommands::revoke_own(const RevokedStream& revoked, Now now) {
  if (policy_.decides == Decides::kStore) closes_.revoke(revoked, now);
}

}  // namespace millrace::auth
