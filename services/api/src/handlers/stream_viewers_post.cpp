// POST /stream/viewers/:streamKey {label?, maxDevices?, expiresIn?}: a viewer key, shown this once.
#include "base/clock.hpp"
#include "handlers/playback_documents.hpp"
#include "json_body.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxLabel = 64;
constexpr std::int64_t kMaxDevices = 100;
constexpr std::int64_t kMaxSeconds = 10LL * 366 * 24 * 3600;

}  // namespace

http::Response stream_viewers_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kGrantPlayback);
  if (!stream) return stream.error();
  JsonBody body = JsonBody::parse(call.body.empty() ? "{}" : call.body);
  const auto label = body.text("label", kMaxLabel);
  const auto devices = body.integer("maxDevices", 1, kMaxDevices);
  const auto seconds = body.integer("expiresIn", 1, kMaxSeconds);
  body.refuse_others();
  if (body.fault()) return body.refusal(400);
  bus::v1::Request request;
  auth::v1::CreateViewer& create = *request.mutable_create_viewer();
  create.set_stream_id(stream->stream_id());
  create.set_label(label.value_or(""));
  create.set_max_devices(static_cast<std::uint32_t>(devices.value_or(1)));
  if (seconds) create.set_expires_wall_us((wall_now() + *seconds * 1'000'000).us());
  const auto reply = ask_about_playback(call, context, std::move(request));
  return reply ? json_response(200, text_of(viewer_document(reply->viewer()))) : reply.error();
}

}  // namespace millrace::api
