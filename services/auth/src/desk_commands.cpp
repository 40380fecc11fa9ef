// Keys that are taken away, streams that are banned or made private: stored first, then publications that are
// live by the old rule are cut.
#include <algorithm>

#include "base/log.hpp"
#include "desk.hpp"
#include "visit_text.hpp"

namespace millrace::auth {

namespace {

// The first `limit` of the streams, each by its own event. beyond: what the log says where there are more.
Result<void> name_each(const Result<std::vector<std::string>>& ids, std::size_t limit,
                       std::string_view beyond, const std::function<void(const std::string&, bool)>& name) {
  if (!ids) return tl::unexpected<Error>(ids.error());
  if (ids->size() > limit) log::warning(beyond, {{"limit", limit}});
  for (std::size_t i = 0; i < std::min(limit, ids->size()); ++i) name((*ids)[i], true);
  return {};
}

}  // namespace

void Desk::regenerate_key(const InquiryPtr& inquiry, Now now) {
  const auth::v1::RegenerateKey& ask = inquiry->request().regenerate_key();
  bus::v1::Reply reply;
  const Result<OwnedStream> stream = decisions_.regenerate_key(ask.stream_id(), ask.subject());
  if (!stream) {
    set_error(stream.error(), reply);
  } else {
    revoke(ask.stream_id(), stream->record.epoch, now);
    fill(*stream, *reply.mutable_stream());
  }
  inquiry->answer(std::move(reply));
}

void Desk::set_flag(const InquiryPtr& inquiry, Now now) {
  const bus::v1::Request& request = inquiry->request();
  const bool ban = request.has_set_banned();
  const std::string& stream_id = ban ? request.set_banned().stream_id() : request.set_private().stream_id();
  const bool value = ban ? request.set_banned().banned() : request.set_private().is_private();
  bus::v1::Reply reply;
  auth::v1::Stream& stream = *reply.mutable_stream();
  std::uint64_t epoch = 0;
  bool barred = value;
  Result<void> changed =
      ban ? decisions_.set_banned(stream_id, value) : decisions_.set_private(stream_id, value);
  const bool unknown = !changed && changed.error().code == "auth.unknown_stream";
  if (changed) {
    const Result<StreamRecord> record = decisions_.get_stream(stream_id);
    if (record) {
      fill(*record, stream);
      epoch = record->epoch;
      barred = record->barred;
    }
  }
  // Whoever publishes and plays is judged by the channel then, also where the store has a stream of this
  // name.
  if ((changed || unknown) && outside_.decides != Decides::kStore) {
    const Result<Channel> channel =
        ban ? channels_.set_banned(stream_id, value) : channels_.set_private(stream_id, value);
    changed = channel ? Result<void>() : tl::unexpected<Error>(channel.error());
    if (channel) {
      stream.set_stream_id(stream_id);
      stream.set_banned(channel->banned);
      stream.set_is_private(channel->is_private);
      epoch = std::max(epoch, channel->epoch);
      barred = channel->banned;
    }
  }
  if (!changed) {
    reply.clear_stream();
    set_error(changed.error(), reply);
  } else {
    if (!ban && outside_.visibility) outside_.visibility(stream_id, value);
    if (ban && outside_.bar) outside_.bar(stream_id, barred);
    if (!ban || value) revoke(stream_id, epoch, now);
  }
  inquiry->answer(std::move(reply));
}

// By the rule of whoever decides, as in set_flag: the other table may hold flags of before a change of
// PUBLISH_AUTH.
Result<void> Desk::tell_private() {
  if (!outside_.visibility) return {};
  return name_each(outside_.decides == Decides::kStore ? decisions_.list_private(kMaxPrivate + 1)
                                                       : channels_.list_private(kMaxPrivate + 1),
                   kMaxPrivate,
                   "more streams are private than are named at the start: what is live of the others counts "
                   "as when it began",
                   outside_.visibility);
}

Result<void> Desk::tell_barred() {
  if (!outside_.bar) return {};
  return name_each(
      outside_.decides == Decides::kStore ? decisions_.list_barred(kMaxBarred + 1)
                                          : channels_.list_banned(kMaxBarred + 1),
      kMaxBarred,
      "more streams are barred than are named at the start: what the media log has of the others "
      "can be watched",
      outside_.bar);
}

// Publications up to this epoch are cut now, and whenever one of them turns up: it may be on its way from the
// decision to its first frame.
void Desk::revoke(const std::string& stream_id, std::uint64_t epoch, Now now) {
  log::info("stream is published under a new rule from now on", {{"stream", stream_id}, {"epoch", epoch}});
  if (epoch == 0) return;  // never published
  while (fences_.size() >= kMaxFences) {
    fences_.erase(fences_in_order_.front());
    fences_in_order_.pop_front();
  }
  if (fences_.insert_or_assign(stream_id, epoch).second) fences_in_order_.push_back(stream_id);
  close({.stream_id = stream_id, .up_to_epoch = epoch}, now.monotonic_us + kCloseRetryUs);
}

void Desk::close(const CloseOrder& order, std::int64_t until_us) {
  outside_.close(order, [post = outside_.post, order, until_us](const Result<bool>& closed) {
    if (closed) {
      if (*closed) log::info("publication cut", {{"stream", order.stream_id}});
      return;
    }
    // Ingest did not say: again with the next tick.
    post([order, until_us](Desk& desk) {
      if (desk.outside_.now().monotonic_us < until_us && desk.retries_.size() < kMaxFences)
        desk.retries_.push_back({order, until_us});
    });
  });
}

void Desk::close_channel(const std::string& channel, const std::string& session_id, Now now) {
  const std::int64_t until_us = now.monotonic_us + kOrderRetryUs;
  if (session_id.empty() || session_id == "*") return close({.stream_id = channel}, until_us);
  std::uint64_t publication_id = book_.open_session(channel, session_id);
  const std::optional<LivePublication> live = outside_.live->find(channel);
  if (publication_id == 0 && live &&
      (live->session_id == session_id || id_text(live->publication_id) == session_id)) {
    publication_id = live->publication_id;
  }
  if (publication_id != 0) close({.stream_id = channel, .publication_id = publication_id}, until_us);
}

}  // namespace millrace::auth
