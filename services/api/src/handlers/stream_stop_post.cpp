// POST /stream/stop/:streamKey: ends what is live, and keeps the encoder, which connects again by itself, off
// for STREAM_STOP_HOLD_SECONDS or until the next start.
#include "handlers/documents.hpp"
#include "routes.hpp"
#include "stream_access.hpp"

namespace millrace::api {

http::Response stream_stop_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kChangeStream);
  if (!stream) return stream.error();
  bus::v1::Request request;
  auth::v1::HoldStream& hold = *request.mutable_hold_stream();
  hold.set_stream_id(stream->stream_id());
  hold.set_hold_us(std::chrono::microseconds(context.rules.stop_hold).count());
  hold.set_cut(true);
  const auto stopped = change_stream(call, context, std::move(request));
  if (!stopped) return stopped.error();
  return json_response(200, text_of({{"success", true}, {"message", "Stream stopped successfully"}}));
}

}  // namespace millrace::api
