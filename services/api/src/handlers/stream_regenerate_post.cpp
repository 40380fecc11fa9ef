// POST /stream/regenerate-key: a new key for the caller's stream; 404 when it has none yet.
#include "handlers/new_key.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_regenerate_post(const Call& call, const Context& context) {
  const auto streams = own_streams(call, context);
  if (!streams) return streams.error();
  return streams->streams().empty() ? unknown_stream() : give_new_key(call, context, streams->streams(0));
}

}  // namespace millrace::api
