// DELETE /stream/key/:streamKey: a new key for that stream.
#include "handlers/new_key.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response stream_key_delete(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kChangeStream);
  return stream ? give_new_key(call, context, *stream) : stream.error();
}

}  // namespace millrace::api
