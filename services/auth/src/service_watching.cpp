// What is published of who may watch: to packaging, the API and metrics, which show streams.
#include "actors.hpp"
#include "service.hpp"

namespace millrace::auth {

void AuthService::set_up_watching(const std::shared_ptr<AuthShared>& shared) {
  DeskOutside& desk = shared->desk;
  desk.visibility = [this](const std::string& stream_id, bool is_private) {
    bus::v1::Event event;
    // Retained in both cases, so that a lost event is made good; one a stream that was ever switched.
    event.set_key("visibility/" + stream_id);
    event.mutable_visibility_changed()->set_stream_id(stream_id);
    event.mutable_visibility_changed()->set_is_private(is_private);
    if (bus::Node* const node = bus_; node != nullptr) node->publish(std::move(event));
  };
  desk.bar = [this, known = &shared->playback.revocations](const std::string& stream_id, bool is_barred) {
    known->set_barred(stream_id, is_barred);
    bus::v1::Event event;
    event.set_key("barred/" + stream_id);
    event.mutable_stream_barred()->set_stream_id(stream_id);
    event.mutable_stream_barred()->set_barred(is_barred);
    if (bus::Node* const node = bus_; node != nullptr) node->publish(std::move(event));
  };
  shared->all_told = [this] { tell_facts(true); };
  shared->playback.tell = [this](const bus::v1::Event& event) {
    bus::Node* const node = bus_;
    if (node != nullptr) node->publish(event);
    return node != nullptr;
  };
}

void AuthService::tell_facts(bool complete) {
  bus::v1::Event event;
  event.set_key("watching-facts");
  event.mutable_watching_facts()->set_complete(complete);
  if (bus::Node* const node = bus_; node != nullptr) node->publish(std::move(event));
}

}  // namespace millrace::auth
