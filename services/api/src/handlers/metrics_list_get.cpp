// GET /metrics: the numbers of every live stream under its public name (public_names.hpp); private ones only
// for their owner.
#include "handlers/documents.hpp"
#include "public_names.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {
namespace {

// The application's answers have to stay small.
constexpr std::size_t kMostListed = 5000;

}  // namespace

http::Response metrics_list_get(const Call& call, const Context& context) {
  const auto measured = all_numbers(call, context);
  if (!measured) return measured.error();
  std::vector<const metrics::v1::StreamMetrics*> listed;
  std::vector<std::string> ids;
  for (const metrics::v1::StreamMetrics& stream : measured->streams()) {
    if (!stream.live() || listed.size() >= kMostListed) continue;
    if (!may_list(call, context, stream)) continue;
    listed.push_back(&stream);
    ids.push_back(stream.stream_id());
  }
  if (!context.names.learn(ids, call.deadline)) return unavailable("auth");
  Json document = Json::object();
  for (const metrics::v1::StreamMetrics* stream : listed)
    document[context.names.name_of(stream->stream_id())] = measured_document(*stream);
  const bool shared = call.identity.role == policy::Role::kAnyone;
  return shared ? shared_response(text_of(document)) : json_response(200, text_of(document));
}

}  // namespace millrace::api
