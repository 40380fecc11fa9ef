#include "streams/request_handler.hpp"

#include "accounts/account_rules.hpp"
#include "bus/v1/bus.pb.h"
#include "sessions/request_text.hpp"
#include "store/errors.hpp"

namespace millrace::auth {
namespace {

void fill(const StreamSettings& settings, v1::StreamSettings& message) {
  message.set_quality(settings.quality);
  message.set_max_bitrate_kbps(settings.max_bitrate_kbps);
  message.set_resolution(settings.resolution);
}

}  // namespace

void set_error(const Error& error, bus::v1::Reply& reply) {
  reply.set_error_code(std::string(error.code));
  reply.set_error_message(error.message);
}

void fill(const std::optional<Admission>& admission, v1::AuthorizePublishReply& message) {
  if (!admission) return;
  message.set_allowed(true);
  message.set_stream_id(admission->stream_id);
  message.set_epoch(number_of(admission->epoch));
  message.set_is_private(admission->is_private);
  message.set_play_tag(admission->play_tag);
  fill(admission->settings, *message.mutable_settings());
}

void fill(const StreamRecord& record, v1::Stream& message) {
  message.set_stream_id(record.stream_id);
  message.set_subject(record.subject);
  fill(record.settings, *message.mutable_settings());
  message.set_created_wall_us(record.created_wall.us());
  message.set_updated_wall_us(record.updated_wall.us());
  message.set_banned(record.banned);
  message.set_is_private(record.is_private);
  message.set_barred(record.barred);
}

void fill(const OwnedStream& stream, v1::Stream& message) {
  fill(stream.record, message);
  message.set_key(stream.key.reveal());
}

bus::v1::Reply RequestHandler::answer(const bus::v1::Request& request, Now now) {
  bus::v1::Reply reply;
  switch (request.payload_case()) {
    case bus::v1::Request::kAuthorizePublish:
      authorize_publish(request, now, reply);
      break;
    case bus::v1::Request::kAuthorizePlay:
      authorize_play(request, now, reply);
      break;
    case bus::v1::Request::kEnsureStream:
      ensure_stream(request, now, reply);
      break;
    case bus::v1::Request::kListStreams:
      list_streams(request, reply);
      break;
    case bus::v1::Request::kGetStream:
      get_stream(request, reply);
      break;
    case bus::v1::Request::kGetStreams:
      get_streams(request, reply);
      break;
    default:
      set_error({"auth.unsupported", "auth does not answer this request"}, reply);
  }
  return reply;
}

void RequestHandler::authorize_publish(const bus::v1::Request& request, Now now, bus::v1::Reply& reply) {
  const v1::AuthorizePublish& ask = request.authorize_publish();
  const auto admission =
      decisions_.authorize_publish(ask.app(), ask.key(), ask.peer_address(), now.monotonic_us);
  if (!admission) return set_error(admission.error(), reply);
  fill(*admission, *reply.mutable_authorize_publish());
}

void RequestHandler::authorize_play(const bus::v1::Request& request, Now now, bus::v1::Reply& reply) {
  const v1::AuthorizePlay& ask = request.authorize_play();
  const auto admission =
      decisions_.authorize_play(ask.app(), ask.name(), query_parameter(ask.query(), "key"),
                                ask.peer_address(), now.monotonic_us, query_parameter(ask.query(), "token"));
  if (!admission) return set_error(admission.error(), reply);
  v1::AuthorizePlayReply& answer = *reply.mutable_authorize_play();
  if (!*admission) return;
  answer.set_allowed(true);
  answer.set_stream_id((*admission)->stream_id);
  answer.set_play_tag((*admission)->play_tag);
}

void RequestHandler::ensure_stream(const bus::v1::Request& request, Now now, bus::v1::Reply& reply) {
  const Result<OwnedStream> stream = decisions_.ensure_stream(request.ensure_stream().subject(), now.wall);
  if (!stream) return set_error(stream.error(), reply);
  fill(*stream, *reply.mutable_stream());
}

void RequestHandler::list_streams(const bus::v1::Request& request, bus::v1::Reply& reply) {
  const Result<std::vector<OwnedStream>> streams = decisions_.list_streams(request.list_streams().subject());
  if (!streams) return set_error(streams.error(), reply);
  v1::StreamList& list = *reply.mutable_stream_list();
  for (const OwnedStream& stream : *streams) fill(stream, *list.add_streams());
}

void RequestHandler::get_stream(const bus::v1::Request& request, bus::v1::Reply& reply) {
  const v1::GetStream& ask = request.get_stream();
  if (ask.with_key()) {
    const Result<OwnedStream> stream = decisions_.get_owned_stream(ask.name());
    if (!stream) return set_error(stream.error(), reply);
    return fill(*stream, *reply.mutable_stream());
  }
  const Result<StreamRecord> record = decisions_.get_stream(ask.name());
  if (!record) return set_error(record.error(), reply);
  fill(*record, *reply.mutable_stream());
}

void RequestHandler::get_streams(const bus::v1::Request& request, bus::v1::Reply& reply) {
  const auto& ids = request.get_streams().stream_ids();
  const Result<std::vector<OwnedStream>> streams =
      decisions_.get_streams({ids.begin(), ids.end()}, request.get_streams().with_keys());
  if (!streams) return set_error(streams.error(), reply);
  v1::StreamList& list = *reply.mutable_stream_list();
  for (const OwnedStream& stream : *streams) fill(stream, *list.add_streams());
}

bus::v1::Reply verify_token(const TokenVerifier& tokens, const AccessView& access,
                            const bus::v1::Request& request, Now now) {
  bus::v1::Reply reply;
  v1::VerifyTokenReply& answer = *reply.mutable_verify_token();
  const Result<TokenClaims> claims = tokens.verify(request.verify_token().token(), now.wall);
  if (!claims) return reply;
  const AccessView::Standing standing = access.standing(claims->subject, claims->issued);
  if (standing == AccessView::Standing::kRefused) return reply;
  if (standing == AccessView::Standing::kUnknown) {
    reply.clear_verify_token();
    set_error({store::errors::kUnavailable, "the database has not answered yet"}, reply);
    return reply;
  }
  const bool admin =
      is_account_subject(claims->subject) ? standing == AccessView::Standing::kAdmin : claims->admin;
  answer.set_valid(true);
  answer.set_subject(claims->subject);
  answer.set_expires_wall_us(claims->expires_wall.us());
  answer.set_role(admin ? v1::ROLE_ADMIN : v1::ROLE_USER);
  return reply;
}

}  // namespace millrace::auth
