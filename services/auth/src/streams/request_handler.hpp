// Translates requests of the bus into decisions and back. Knows no socket, actor or clock. One owner, one
// thread at a time; blocks like Decisions.
#pragma once

#include "now.hpp"
#include "streams/access_view.hpp"
#include "streams/decisions.hpp"
#include "token.hpp"

namespace millrace::auth::v1 {
class AuthorizePublishReply;
class Stream;
}  // namespace millrace::auth::v1
namespace millrace::bus::v1 {
class Reply;
class Request;
}  // namespace millrace::bus::v1

namespace millrace::auth {

// The parts of a reply.
void set_error(const Error& error, bus::v1::Reply& reply);
// Nothing but allowed = false for nullopt.
void fill(const std::optional<Admission>& admission, v1::AuthorizePublishReply& message);
void fill(const StreamRecord& record, v1::Stream& message);
// With its key, for the owner's eyes.
void fill(const OwnedStream& stream, v1::Stream& message);

class RequestHandler {
 public:
  // The decisions outlive the handler.
  explicit RequestHandler(Decisions& decisions) : decisions_(decisions) {}

  // Every request gets a reply: its payload, or an error code; auth.unsupported for a request that is not
  // ours. The id is the caller's to set.
  bus::v1::Reply answer(const bus::v1::Request& request, Now now);

 private:
  void authorize_publish(const bus::v1::Request& request, Now now, bus::v1::Reply& reply);
  void authorize_play(const bus::v1::Request& request, Now now, bus::v1::Reply& reply);
  void ensure_stream(const bus::v1::Request& request, Now now, bus::v1::Reply& reply);
  void list_streams(const bus::v1::Request& request, bus::v1::Reply& reply);
  void get_stream(const bus::v1::Request& request, bus::v1::Reply& reply);
  void get_streams(const bus::v1::Request& request, bus::v1::Reply& reply);

  Decisions& decisions_;
};

// VerifyToken needs no database, and is answered without waiting for it. Every token of ours is judged by
// what was taken back meanwhile; the role of an account's token is the account's, not the token's. Any
// thread.
bus::v1::Reply verify_token(const TokenVerifier& tokens, const AccessView& access,
                            const bus::v1::Request& request, Now now);

}  // namespace millrace::auth
