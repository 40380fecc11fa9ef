// What is published of who may watch: to packaging, the API and metrics, which show streams; and of what is
// not to stay, to recording.
#include "actors.hpp"
#include "service.hpp"

namespace millrace::auth {

void AuthService::set_up_watching(const std::shared_ptr<AuthShared>& shared) {
  AccessDependencies& access_control = shared->access_control;
  access_control.announce_private = [this](const std::string& stream_id, bool is_private) {
    bus::v1::Event event;
    // Retained in both cases, so that a lost event is made good; one per stream that was ever switched.
    event.set_key("visibility/" + stream_id);
    event.mutable_visibility_changed()->set_stream_id(stream_id);
    event.mutable_visibility_changed()->set_is_private(is_private);
    shell_.node().publish(std::move(event));
  };
  access_control.announce_barred = [this, known = &shared->playback.revocations](const std::string& stream_id,
                                                                                 bool is_barred) {
    known->set_barred(stream_id, is_barred);
    bus::v1::Event event;
    event.set_key("barred/" + stream_id);
    event.mutable_stream_barred()->set_stream_id(stream_id);
    event.mutable_stream_barred()->set_barred(is_barred);
    shell_.node().publish(std::move(event));
  };
  shared->announce_unwanted = [this](const std::string& stream_id) {
    bus::v1::Event event;
    event.set_key("recordings-unwanted/" + stream_id);
    event.mutable_recordings_unwanted()->set_stream_id(stream_id);
    shell_.node().publish(std::move(event));
  };
  shared->all_published = [this] { publish_facts(true); };
  shared->playback.publish = [this](const bus::v1::Event& event) { shell_.node().publish(event); };
}

void AuthService::publish_facts(bool complete) {
  bus::v1::Event event;
  event.set_key("watching-facts");
  event.mutable_watching_facts()->set_complete(complete);
  shell_.node().publish(std::move(event));
}

}  // namespace millrace::auth
