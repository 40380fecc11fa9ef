// GET /metrics: the numbers of every live stream, by public id (by key where PUBLIC_STREAM_KEYS says so);
// private ones only for their owner.
#include <map>

#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {
namespace {

// The application's answers have to stay small.
constexpr int kMostListed = 5000;

constexpr int kAskedAtOnce = 500;  // auth looks at no more

// By id; what is missing keeps its id.
OrAnswer<std::map<std::string, std::string, std::less<>>> public_keys(
    const metrics::v1::MetricsReply& measured, const Call& call, const Context& context) {
  std::map<std::string, std::string, std::less<>> keys;
  if (!context.urls.public_keys) return keys;
  for (int begin = 0; begin < measured.streams_size(); begin += kAskedAtOnce) {
    bus::v1::Request request;
    request.mutable_get_streams()->set_with_keys(true);
    for (int i = begin; i < std::min(begin + kAskedAtOnce, measured.streams_size()); ++i)
      request.mutable_get_streams()->add_stream_ids(measured.streams(i).stream_id());
    const Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
    if (!reply || !reply->has_stream_list()) return tl::unexpected(unavailable("auth"));
    for (const auth::v1::Stream& stream : reply->stream_list().streams())
      keys.emplace(stream.stream_id(), stream.key());
  }
  return keys;
}

}  // namespace

http::Response metrics_list_get(const Call& call, const Context& context) {
  const auto measured = all_numbers(call, context);
  if (!measured) return measured.error();
  const auto keys = public_keys(*measured, call, context);
  if (!keys) return keys.error();
  Json document = Json::object();
  for (const metrics::v1::StreamMetrics& stream : measured->streams()) {
    if (!stream.live() || document.size() >= kMostListed) continue;
    if (!may_list(call, context, stream)) continue;
    const auto key = keys->find(stream.stream_id());
    document[key == keys->end() ? stream.stream_id() : key->second] = measured_document(stream);
  }
  const bool shared = call.identity.role == policy::Role::kAnyone;
  return shared ? shared_response(text_of(document)) : json_response(200, text_of(document));
}

}  // namespace millrace::api
