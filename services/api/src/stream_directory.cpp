#include "stream_directory.hpp"

#include <algorithm>

#include "base/reply_codes.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kAskedAtOnce = 500;  // auth looks at no more

StreamEntry entry_of(const auth::v1::Stream& stream) {
  return {stream.stream_id(), stream.subject(), stream.is_private() || stream.barred()};
}

}  // namespace

std::optional<std::optional<StreamEntry>> StreamDirectory::remembered(std::string_view name,
                                                                      Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (const Known* const known = known_.find(name); known != nullptr && now < known->until)
    return std::optional(as_it_stands(known->entry));
  if (const Clock::time_point* const until = unknown_.find(name); until != nullptr && now < *until)
    return std::optional<StreamEntry>();
  return std::nullopt;
}

Result<std::optional<StreamEntry>> StreamDirectory::find(std::string_view name, Peers::Deadline deadline) {
  if (auto known = remembered(name, Clock::now())) return *std::move(known);
  std::uint64_t changes = 0;
  {
    const std::lock_guard lock(mutex_);
    changes = changes_;
  }
  bus::v1::Request request;
  request.mutable_get_stream()->set_name(std::string(name));
  const Result<bus::v1::Reply> reply = peers_.ask("auth", std::move(request), deadline);
  const bool unknown = !reply && reply.error().code == reply_codes::kUnknownStream;
  if (!unknown && !reply) return tl::unexpected(reply.error());
  if (!unknown && !reply->has_stream()) return fail("api.bad_reply");
  const std::lock_guard lock(mutex_);
  if (unknown) {
    if (changes == changes_) remember_unknown(name);
    return std::optional<StreamEntry>();
  }
  StreamEntry entry = entry_of(reply->stream());
  if (changes == changes_) remember(name, entry);
  return std::optional(as_it_stands(std::move(entry)));
}

Result<std::map<std::string, StreamEntry, std::less<>>> StreamDirectory::find_all(
    const std::vector<std::string>& ids, Peers::Deadline deadline) {
  std::map<std::string, StreamEntry, std::less<>> found;
  std::vector<std::string> wanted;
  for (const std::string& id : ids) {
    const auto known = remembered(id, Clock::now());
    if (!known) wanted.push_back(id);
    if (known && *known) found.emplace(id, **known);
  }
  for (std::size_t begin = 0; begin < wanted.size(); begin += kAskedAtOnce) {
    const std::size_t end = std::min(begin + kAskedAtOnce, wanted.size());
    bus::v1::Request request;
    for (std::size_t i = begin; i < end; ++i) request.mutable_get_streams()->add_stream_ids(wanted[i]);
    const Result<bus::v1::Reply> reply = peers_.ask("auth", std::move(request), deadline);
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->has_stream_list()) return fail("api.bad_reply");
    for (const auth::v1::Stream& stream : reply->stream_list().streams())
      found.emplace(stream.stream_id(), as_it_stands(entry_of(stream)));
  }
  return found;
}

StreamEntry StreamDirectory::as_it_stands(StreamEntry entry) const {
  const playback::Standing standing = watching_.standing(entry.stream_id);
  if (standing == playback::Standing::kPrivate || standing == playback::Standing::kBarred)
    entry.is_private = true;
  return entry;
}

void StreamDirectory::forget(std::string_view stream_id) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  known_.erase_if([&](const auto&, const Known& known) { return known.entry.stream_id == stream_id; });
}

void StreamDirectory::remember(std::string_view name, StreamEntry entry) {
  known_.put(name, {std::move(entry), Clock::now() + kLifetime});
}

void StreamDirectory::remember_unknown(std::string_view name) {
  unknown_.put(name, Clock::now() + kLifetime);
}

}  // namespace millrace::api
