#include "stream_access.hpp"

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/reply_codes.hpp"
#include "metrics_feed.hpp"
#include "peers.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kName = "streamKey";
}  // namespace

http::Response unknown_stream() {
  return http::Response::problem(404, "stream_unknown", "There is no such stream.");
}

OrAnswer<auth::v1::Stream> ask_for_stream(const Call& call, const Context& context,
                                          bus::v1::Request request) {
  Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply && reply.error().code == reply_codes::kUnknownStream) return tl::unexpected(unknown_stream());
  if (!reply || !reply->has_stream()) return tl::unexpected(unavailable("auth"));
  return std::move(*reply->mutable_stream());
}

OrAnswer<auth::v1::Stream> own_stream(const Call& call, const Context& context, policy::Operation operation) {
  const std::string_view name = call.parameter(kName);
  if (!is_valid_id(name)) return tl::unexpected(unknown_stream());
  bus::v1::Request request;
  request.mutable_get_stream()->set_name(std::string(name));
  request.mutable_get_stream()->set_with_key(true);
  OrAnswer<auth::v1::Stream> stream = ask_for_stream(call, context, std::move(request));
  if (stream &&
      policy::judge(call.identity.caller(), operation, stream->subject()) != policy::Verdict::kAllowed)
    return tl::unexpected(unknown_stream());
  return stream;
}

OrAnswer<auth::v1::StreamList> own_streams(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_list_streams()->set_subject(call.identity.subject);
  Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply || !reply->has_stream_list()) return tl::unexpected(unavailable("auth"));
  return std::move(*reply->mutable_stream_list());
}

OrAnswer<auth::v1::Stream> change_stream(const Call& call, const Context& context, bus::v1::Request request) {
  OrAnswer<auth::v1::Stream> changed = ask_for_stream(call, context, std::move(request));
  if (changed) context.directory.forget(changed->stream_id());
  return changed;
}

bool may_see(const Call& call, const StreamEntry& stream, std::string_view asked_by) {
  const bool by_key = asked_by != stream.stream_id;
  return !stream.is_private || by_key ||
         policy::judge(call.identity.caller(), policy::Operation::kReadStream, stream.subject) ==
             policy::Verdict::kAllowed;
}

bool may_list(const Call& call, const Context& context, const metrics::v1::StreamMetrics& measured) {
  const std::string& stream_id = measured.stream_id();
  if (is_public(stream_id, measured.is_private(), context.watching)) return true;
  if (call.identity.role == policy::Role::kAnyone) return false;
  const auto entry = context.directory.find(stream_id, call.deadline);
  return entry && *entry && may_see(call, **entry, stream_id);
}

OrAnswer<StreamEntry> public_stream(const Call& call, const Context& context) {
  const std::string_view name = call.parameter(kName);
  if (!is_valid_id(name)) return tl::unexpected(unknown_stream());
  Result<std::optional<StreamEntry>> found = context.directory.find(name, call.deadline);
  if (!found) return tl::unexpected(unavailable("auth"));
  if (!*found || !may_see(call, **found, name)) return tl::unexpected(unknown_stream());
  return std::move(**found);
}

http::Response public_response(const Call& call, const StreamEntry& stream, std::string text) {
  const bool shared = call.identity.role == policy::Role::kAnyone && !stream.is_private;
  return shared ? shared_response(std::move(text)) : json_response(200, std::move(text));
}

OrAnswer<metrics::v1::StreamMetrics> numbers_of(std::string_view stream_id, const Call& call,
                                                const Context& context) {
  // A stream that the feed does not know may have begun a moment ago.
  if (const MetricsFeed::Numbers told = context.feed.find(stream_id, monotonic_us())) return *told;
  bus::v1::Request request;
  request.mutable_get_metrics()->set_stream_id(std::string(stream_id));
  Result<bus::v1::Reply> reply = context.peers.ask("metrics", std::move(request), call.deadline);
  if (!reply || !reply->has_metrics()) return tl::unexpected(unavailable("metrics"));
  auto& streams = *reply->mutable_metrics()->mutable_streams();
  return streams.empty() ? metrics::v1::StreamMetrics() : std::move(streams[0]);
}

OrAnswer<metrics::v1::MetricsReply> all_numbers(const Call& call, const Context& context) {
  if (context.feed.is_fresh(monotonic_us())) {
    metrics::v1::MetricsReply told;
    for (const MetricsFeed::Numbers& numbers : context.feed.live(monotonic_us()))
      *told.add_streams() = *numbers;
    return told;
  }
  bus::v1::Request request;
  request.mutable_get_metrics();
  Result<bus::v1::Reply> reply = context.peers.ask("metrics", std::move(request), call.deadline);
  if (!reply || !reply->has_metrics()) return tl::unexpected(unavailable("metrics"));
  return std::move(*reply->mutable_metrics());
}

}  // namespace millrace::api
