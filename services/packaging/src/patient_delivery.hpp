// Delivery for requests that may wait: for a playlist that has what they name, for the hinted part, for the
// segment that grows (RFC 8216bis 6.2.5.2, 6.2.6). A request is judged when it comes and again when it is
// answered, its playback token too.
//
//   HTTP thread ── request ──> Delivery ── there: answer
//                                     └── not yet ──> WaitingRoom, by stream
//   stream's actor ── view published ── wake ──> Delivery ── answer
//
// Nobody waits for more than three target durations (503, Retry-After), nor do more than the room takes
// (503). Any thread.
#pragma once

#include "delivery.hpp"
#include "dvr_delivery.hpp"
#include "http/waiting_room.hpp"

namespace millrace::packaging {

class PatientDelivery {
 public:
  // All of them outlive the server that calls it, and the room what waits in it.
  // dvr: answers for what the log does not have; nullptr: nobody does.
  PatientDelivery(Delivery& delivery, http::WaitingRoom& room, Metrics& metrics, DvrDelivery* dvr = nullptr)
      : delivery_(delivery), room_(room), metrics_(metrics), dvr_(dvr) {}

  // now_us: monotonic.
  void serve(http::Request&& request, const http::Responder& responder, std::int64_t now_us, WallTime wall);

 private:
  void refuse_query(const http::Responder& responder);

  Delivery& delivery_;
  http::WaitingRoom& room_;
  Metrics& metrics_;
  DvrDelivery* const dvr_;
};

}  // namespace millrace::packaging
