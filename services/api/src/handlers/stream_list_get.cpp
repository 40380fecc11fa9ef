// GET /stream/list: the caller's streams with their state.
#include <map>

#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_list_get(const Call& call, const Context& context) {
  const auto owned = own_streams(call, context);
  if (!owned) return owned.error();
  const metrics::v1::StreamMetrics offline;
  Json list = Json::array();
  if (owned->streams_size() == 1) {
    const auto live = numbers_of(owned->streams(0).stream_id(), call, context);
    if (!live) return live.error();
    list.push_back(stream_document(owned->streams(0), *live, context.urls));
    return json_response(200, text_of({{"streams", list}}));
  }
  const auto measured = all_numbers(call, context);
  if (!measured) return measured.error();
  std::map<std::string_view, const metrics::v1::StreamMetrics*> by_id;
  for (const metrics::v1::StreamMetrics& stream : measured->streams()) by_id[stream.stream_id()] = &stream;
  for (const auth::v1::Stream& stream : owned->streams()) {
    const auto live = by_id.find(stream.stream_id());
    list.push_back(stream_document(stream, live == by_id.end() ? offline : *live->second, context.urls));
  }
  return json_response(200, text_of({{"streams", list}}));
}

}  // namespace millrace::api
