// POST /stream/playback/:streamKey {expiresIn?, ip?}: a signed URL of the caller's stream, to give to a
// viewer.
#include "handlers/playback_documents.hpp"
#include "json_body.hpp"
#include "playback/playback_token.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::int64_t kMaxSeconds = std::int64_t{24} * 3600;
constexpr std::size_t kMaxNetwork = 64;

}  // namespace

http::Response stream_playback_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kGrantPlayback);
  if (!stream) return stream.error();
  JsonBody body = JsonBody::parse(call.body.empty() ? "{}" : call.body);
  const auto seconds = body.integer("expiresIn", 1, kMaxSeconds);
  const auto network = body.text("ip", kMaxNetwork);
  if (network && !playback::Network::parse(*network))
    body.fail("ip", "must be an address or a network such as 10.0.0.0/8");
  body.refuse_others();
  if (body.fault()) return body.refusal(400);
  bus::v1::Request request;
  auth::v1::SignPlayback& sign = *request.mutable_sign_playback();
  sign.set_stream_id(stream->stream_id());
  sign.set_lifetime_seconds(seconds.value_or(0));
  sign.set_network(network.value_or(""));
  const auto reply = ask_about_playback(call, context, std::move(request));
  return reply ? grant_response(stream->stream_id(), reply->playback_grant(), context.urls) : reply.error();
}

}  // namespace millrace::api
