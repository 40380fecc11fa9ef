#include "stream_directory.hpp"

#include <algorithm>

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
  if (const auto found = known_.find(name); found != known_.end() && now < found->second.until)
    return std::optional(found->second.entry);
  if (const auto found = unknown_.find(name); found != unknown_.end() && now < found->second)
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
  const bool unknown = !reply && reply.error().code == "auth.unknown_stream";
  if (!unknown && !reply) return tl::unexpected(reply.error());
  if (!unknown && !reply->has_stream()) return fail("api.bad_reply");
  const std::lock_guard lock(mutex_);
  if (unknown) {
    if (changes == changes_) remember_unknown(name);
    return std::optional<StreamEntry>();
  }
  StreamEntry entry = entry_of(reply->stream());
  if (changes == changes_) remember(name, entry);
  return std::optional(std::move(entry));
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
      found.emplace(stream.stream_id(), entry_of(stream));
  }
  return found;
}

void StreamDirectory::forget(std::string_view stream_id) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  std::erase_if(known_, [&](const auto& item) { return item.second.entry.stream_id == stream_id; });
}

void StreamDirectory::remember(std::string_view name, StreamEntry entry) {
  if (known_.size() >= kCapacity) known_.clear();
  known_.insert_or_assign(std::string(name), Known{std::move(entry), Clock::now() + kLifetime});
}

void StreamDirectory::remember_unknown(std::string_view name) {
  if (unknown_.size() >= kCapacity) unknown_.clear();
  unknown_.insert_or_assign(std::string(name), Clock::now() + kLifetime);
}

}  // namespace millrace::api
