#include "patient_delivery.hpp"

#include "base/clock.hpp"
#include "list_request.hpp"

namespace millrace::packaging {
namespace {

http::Response try_again(std::string_view code, std::string_view detail) {
  http::Response response = http::Response::problem(503, code, detail);
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Retry-After", "1");
  allow_every_origin(response);
  return response;
}

// What of a request has to be kept to answer it.
std::shared_ptr<const http::Request> kept(http::Request&& request) {
  http::Request needed;
  needed.method = request.method;
  needed.path = std::move(request.path);
  needed.query = std::move(request.query);
  for (const std::string_view field : {"Accept-Encoding", "Range"})
    if (request.headers.contains(field)) needed.headers.add(field, request.headers.find(field));
  needed.peer_address = std::move(request.peer_address);
  return std::make_shared<const http::Request>(std::move(needed));
}

}  // namespace

void PatientDelivery::refuse_query(const http::Responder& responder) {
  metrics_.refused();
  http::Response response = refused_directive("a directive's name is encoded or in other letters");
  allow_every_origin(response);
  responder(std::move(response));
}

void PatientDelivery::serve(http::Request&& request, const http::Responder& responder, std::int64_t now_us,
                            WallTime wall) {
  if (asks_for_list(request) && has_misleading_query(request)) return refuse_query(responder);
  if (dvr_ != nullptr && DvrDelivery::is_list(request))
    return dvr_->serve_list(std::move(request), responder, now_us, wall);
  Delivery::Outcome outcome = delivery_.answer(request, now_us, wall);
  if (auto* const response = std::get_if<http::Response>(&outcome)) {
    if (dvr_ != nullptr && DvrDelivery::may_have(request, *response))
      return dvr_->serve_object(std::move(request), responder, std::move(*response), now_us, wall);
    return responder(std::move(*response));
  }
  const auto& awaited = std::get<Delivery::Awaited>(outcome);
  const auto needed = kept(std::move(request));
  auto ready = [delivery = &delivery_, needed]() -> std::optional<http::Response> {
    Delivery::Outcome now = delivery->answer(*needed, monotonic_us(), wall_now(), true);
    if (auto* const response = std::get_if<http::Response>(&now)) return std::move(*response);
    return std::nullopt;
  };
  http::Response late = try_again("packaging.not_in_time", "it did not come in time");
  const std::int64_t deadline_us = now_us + awaited.patience_us;
  if (room_.wait(awaited.stream_id, needed->peer_address, responder, deadline_us, std::move(ready),
                 std::move(late), awaited.answer))
    return;
  metrics_.wait_refused();
  responder(try_again("packaging.too_many_waiting", "too many requests wait already"));
}

}  // namespace millrace::packaging
