// GET /metrics: the numbers of every live stream, by public id; private ones only for their owner.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {
namespace {

// The application's answers have to stay small.
constexpr int kMostListed = 5000;

}  // namespace

http::Response metrics_list_get(const Call& call, const Context& context) {
  const auto measured = all_numbers(call, context);
  if (!measured) return measured.error();
  Json document = Json::object();
  for (const metrics::v1::StreamMetrics& stream : measured->streams()) {
    if (!stream.live() || document.size() >= kMostListed) continue;
    if (stream.is_private()) {
      const auto entry = context.directory.find(stream.stream_id(), call.deadline);
      if (!entry || !*entry || !may_see(call, **entry, stream.stream_id())) continue;
    }
    document[stream.stream_id()] = measured_document(stream);
  }
  const bool shared = call.identity.role == policy::Role::kAnyone;
  return shared ? shared_response(text_of(document)) : json_response(200, text_of(document));
}

}  // namespace millrace::api
