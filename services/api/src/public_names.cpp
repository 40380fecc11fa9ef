#include "public_names.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kAskedAtOnce = 500;  // auth looks at no more

}  // namespace

std::vector<std::string> PublicNames::unknown_of(const std::vector<std::string>& stream_ids) const {
  const Clock::time_point now = Clock::now();
  std::vector<std::string> unknown;
  const std::lock_guard lock(mutex_);
  for (const std::string& id : stream_ids) {
    const Known* const known = known_.find(id);
    if (known == nullptr || known->until <= now) unknown.push_back(id);
  }
  return unknown;
}

Result<void> PublicNames::learn(const std::vector<std::string>& stream_ids, Peers::Deadline deadline) {
  if (!urls_.public_keys) return {};
  const std::vector<std::string> unknown = unknown_of(stream_ids);
  for (std::size_t begin = 0; begin < unknown.size(); begin += kAskedAtOnce) {
    bus::v1::Request request;
    request.mutable_get_streams()->set_with_keys(true);
    for (std::size_t i = begin; i < std::min(begin + kAskedAtOnce, unknown.size()); ++i)
      request.mutable_get_streams()->add_stream_ids(unknown[i]);
    const Result<bus::v1::Reply> reply = peers_.ask("auth", std::move(request), deadline);
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->has_stream_list()) return fail("api.bad_reply");
    const std::lock_guard lock(mutex_);
    for (const auth::v1::Stream& stream : reply->stream_list().streams()) {
      if (is_valid_id(stream.key())) known_.put(stream.stream_id(), {stream.key(), Clock::now() + kLifetime});
    }
  }
  return {};
}

std::string PublicNames::name_of(const std::string& stream_id) const {
  if (!urls_.public_keys) return stream_id;
  const std::lock_guard lock(mutex_);
  const Known* const known = known_.find(stream_id);
  return known == nullptr ? stream_id : known->key;
}

}  // namespace millrace::api
