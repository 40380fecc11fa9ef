#include "service.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/regular_file.hpp"
#include "bus/v1/bus.pb.h"
#include "ladder.hpp"

namespace millrace::transcoding {
namespace {

// For children to write what they have, before the operator's last answers.
constexpr std::chrono::milliseconds kDrainReserve{1000};
constexpr std::chrono::milliseconds kLastAnswers{100};

// All of the environment that a child needs: it decodes what strangers send.
std::vector<std::string> child_environment() {
  std::vector<std::string> variables;
  for (const char* name : {"LOG_FORMAT", "LOG_LEVEL"}) {
    if (const char* value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  }
  return variables;
}

// Children read it again.
Result<void> check_ladder(const std::string& file) {
  if (file.empty()) return {};
  const Result<std::string> text = read_regular_file(file, kMaxLadderBytes);
  if (!text) return fail("config.invalid", "TRANSCODE_OWN_LADDER: " + text.error().message);
  const Result<Ladder> ladder = parse_ladder(*text);
  return ladder ? Result<void>() : fail("config.invalid", "TRANSCODE_OWN_LADDER: " + ladder.error().message);
}

}  // namespace

// Packaging's: that renditions are wanted.
void TranscodingService::listen_to_packaging() {
  shell_.node().subscribe("packaging", {.on_event = [this](const bus::v1::Event& event) {
                            if (!event.has_renditions_wanted()) return;
                            watcher_->want(event.renditions_wanted());
                            slot_->wake();
                          }});
}

WatcherSettings TranscodingService::settings(const runtime::ServiceContext& context) const {
  WatcherSettings settings;
  settings.program = program_beside_this("millrace-transcoder");
  settings.directory = config_.media_log.directory(context.home);
  settings.arguments = {"--dir",    settings.directory, "--ladder",     config_.ladder,
                        "--preset", config_.preset,     "--with-parent"};
  if (!config_.ladder_file.empty())
    settings.arguments.insert(settings.arguments.end(), {"--ladder-file", config_.ladder_file});
  settings.environment = child_environment();
  settings.most_children = config_.most_children;
  settings.encoder = config_.encoder;
  if (config_.mode == "ondemand") settings.linger = config_.linger;
  settings.announce = [&node = shell_.node()](const v1::RenditionsPlanned& plan, bool there) {
    bus::v1::Event event;
    event.set_key("renditions/" + plan.stream_id());
    event.set_retracted(!there);
    *event.mutable_renditions_planned() = plan;
    node.publish(std::move(event));
  };
  return settings;
}

Result<void> TranscodingService::start(runtime::ServiceContext& context) {
  if (auto joined = shell_.join_bus(context, config_.bus); !joined) return joined;
  if (!config_.transcodes()) return shell_.open_ops(context, config_.ops, {});
  if (auto checked = check_ladder(config_.ladder_file); !checked) return checked;
  watcher_ = std::make_shared<Watcher>(settings(context), context.health);
  if (config_.mode == "ondemand") listen_to_packaging();
  for (runtime::ChildSpec& child : transcoding_children(watcher_, slot_))
    runtime::add_child(context.root, std::move(child));
  return shell_.open_ops(context, config_.ops, {watcher_->metrics().collectable()});
}

void TranscodingService::drain(runtime::Deadline deadline) {
  const auto patience = std::chrono::microseconds(service::time_left(deadline, kDrainReserve));
  if (watcher_) watcher_->stop(monotonic_us() + patience.count());
  // The actors' system waits until nobody has a detached actor any more.
  slot_->replace(nullptr);
  shell_.close(std::min(service::time_left(deadline), kLastAnswers));
}

}  // namespace millrace::transcoding
