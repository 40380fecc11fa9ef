#include "service.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/survive.hpp"
#include "bus/v1/bus.pb.h"
#include "errors.hpp"

namespace millrace::recording {
namespace {

constexpr std::chrono::milliseconds kDrainReserve{500};
// For publications to end when the whole system stops.
constexpr std::chrono::milliseconds kDrainPatience{2000};
constexpr std::chrono::milliseconds kDrainPoll{20};

}  // namespace

RecordingService::RecordingService() = default;
RecordingService::~RecordingService() = default;

Result<void> RecordingService::start(runtime::ServiceContext& context) {
  if (config_.vod_directory_name.find('/') != std::string::npos || config_.vod_directory_name == "..") {
    return fail("config.invalid", "VOD_DIRECTORY_NAME: must be a name, not a path");
  }
  // A limit on the size of files is met like a full disk, not by dying.
  std::signal(SIGXFSZ, SIG_IGN);
  if (auto started = start_bus(context); !started) return started;
  for (runtime::ChildSpec& child : recording_children(shared_))
    runtime::add_child(context.root, std::move(child));
  return shell_.open_ops(context, config_.ops, {shared_->reporter.metrics().collectable()});
}

Result<void> RecordingService::start_bus(const runtime::ServiceContext& context) {
  if (auto joined = shell_.join_bus(context, config_.bus); !joined) return joined;
  // The node lives until the process ends; a stopped one takes no more events.
  shared_ = std::make_shared<RecordingShared>(
      config_.media_log.directory(context.home),
      (config_.media_root.empty() ? context.home + "/media" : config_.media_root) + "/" +
          config_.vod_directory_name,
      std::chrono::microseconds(config_.reconnect_grace).count(),
      FileLimits{std::chrono::microseconds(config_.longest_file).count(), config_.largest_file},
      context.health, [&node = shell_.node()](bus::v1::Event event) { node.publish(std::move(event)); });
  // A directory that cannot be made yet is waited for.
  if (auto locked = shared_->scanner.lock(); !locked && locked.error().code == recording::errors::kLocked)
    return locked;
  const auto wake = [shared = shared_] { shared->scanner_actor.wake(); };
  shell_.node().subscribe("ingest", {.on_snapshot = [wake](const bus::v1::Snapshot&) { wake(); },
                                     .on_event =
                                         [wake](const bus::v1::Event& event) {
                                           if (event.has_stream_published()) wake();
                                         },
                                     .on_lost = {}});
  hear_auth();
  return {};
}

// What auth named is done also while it is away; what a restarted one does not name any more is not.
void RecordingService::hear_auth() {
  shell_.node().subscribe("auth", {.on_snapshot =
                                       [shared = shared_](const bus::v1::Snapshot& snapshot) {
                                         if (snapshot.boot_id() == 0) return;  // it is away, and let go
                                         std::vector<std::string> ids;
                                         for (const bus::v1::Event& fact : snapshot.events())
                                           if (fact.has_recordings_unwanted())
                                             ids.push_back(fact.recordings_unwanted().stream_id());
                                         shared->unwanted.replace(ids);
                                         shared->scanner_actor.wake();
                                       },
                                   .on_event =
                                       [shared = shared_](const bus::v1::Event& event) {
                                         if (!event.has_recordings_unwanted()) return;
                                         shared->unwanted.add(event.recordings_unwanted().stream_id());
                                         shared->scanner_actor.wake();
                                       },
                                   .on_lost = {}});
}

void RecordingService::drain(runtime::Deadline deadline) {
  if (!shared_) return;
  shared_->draining = true;
  // A file that waits for its encoder to come back is finished now: this may be the end of everything.
  for (const auto& publication : shared_->publications.all()) publication->expect_no_return();
  const auto until = deadline - kDrainReserve;
  const auto patience = std::min(until, std::chrono::steady_clock::now() + kDrainPatience);
  while (shared_->publications.active() > 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  for (const auto& publication : shared_->publications.all()) {
    (void)survives("recording suspend",
                   [&] { publication->suspend(monotonic_us(), shared_->reporter, shared_->finish_queue); });
  }
  shared_->finish_queue.wait(until);
  shared_->workers.stop();  // before the actors that its jobs answer
  shell_.close();
}

}  // namespace millrace::recording
