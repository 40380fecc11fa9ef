#include "forward/forward_commands.hpp"

#include "bus/v1/bus.pb.h"

namespace millrace::ingest {

namespace {

void list(const std::string& stream_id, const Forwards& forwards, stream::v1::ForwardList& out) {
  for (const ForwardStatusPtr& status : forwards.running()) {
    if (!stream_id.empty() && status->stream_id != stream_id) continue;
    stream::v1::Forward& forward = *out.add_forwards();
    forward.set_forward_id(status->id);
    forward.set_stream_id(status->stream_id);
    forward.set_target(status->target);
    forward.set_state(std::string(name_of(status->state.load(std::memory_order_relaxed))));
    forward.set_reason(std::string(name_of(status->reason.load(std::memory_order_relaxed))));
    forward.set_attempts(status->attempts.load(std::memory_order_relaxed));
    forward.set_sent_bytes(status->sent_bytes.load(std::memory_order_relaxed));
    forward.set_frames_skipped(status->frames_skipped.load(std::memory_order_relaxed));
    forward.set_since_wall_us(status->since_wall.load(std::memory_order_relaxed).us());
  }
}

}  // namespace

bool answer_forward_command(const bus::v1::Request& request, const bus::Responder& respond,
                            Forwards& forwards) {
  const auto answer = [&respond](const Result<void>& done) {
    if (done) {
      respond(bus::v1::Reply{});
    } else {
      respond.fail(done.error());
    }
  };
  if (request.has_start_forward()) {
    const stream::v1::StartForward& ask = request.start_forward();
    answer(forwards.start(ask.forward_id(), ask.stream_id(), ask.url()));
    return true;
  }
  if (request.has_stop_forward()) {
    answer(forwards.stop(request.stop_forward().forward_id()));
    return true;
  }
  if (!request.has_list_forwards()) return false;
  bus::v1::Reply reply;
  list(request.list_forwards().stream_id(), forwards, *reply.mutable_forward_list());
  respond(std::move(reply));
  return true;
}

}  // namespace millrace::ingest
