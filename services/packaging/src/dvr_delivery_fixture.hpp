// A stream with its past behind a real server, for tests of going back.
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "base/clock.hpp"
#include "dvr_delivery.hpp"
#include "http/server.hpp"
#include "http/test_client.hpp"
#include "patient_delivery.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"
#include "test_recording.hpp"

namespace millrace::packaging {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;

constexpr std::int64_t kNow = 1'000;
constexpr std::int64_t kHourUs = 3'600'000'000;

inline playback::TokenKeys keys() {
  return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
}

// A published stream of forty segments, of which the live list has four, all recorded.
class DvrDeliveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gate_.revocations.set_complete();
    arena_ = make_arena(logs_.path());
    reader_ = media::ArenaReader::open(logs_.path(), "ingest", "test").value();
    http::ServerConfig config;
    config.proxies = {net::IpNetworks::parse("127.0.0.1").value(), {}};
    server_ = http::Server::start(std::move(config), [this](http::Request&& request,
                                                            const http::Responder& responder) {
                patient_.serve(std::move(request), responder, monotonic_us(), WallTime::from_seconds(kNow));
              }).value();
  }
  void TearDown() override { server_->drain(std::chrono::seconds(2)); }

  void publish(bool is_private = false, PublicationId id = PublicationId{0xA1}, Epoch epoch = Epoch{1},
               int groups = 40) {
    publisher_ = std::make_unique<TestPublisher>(
        *arena_, TestPublisher::Options{.publication_id = id, .epoch = epoch, .is_private = is_private});
    publisher_->groups(groups);
    publisher_->frame(0);
    show();
  }
  void go_on(int groups) {
    publisher_->groups(groups);
    publisher_->frame(0);
    show();
  }
  std::string recording_path() const { return directory_.path() + "/s1-2026-11-20T21-49-15.123Z.part.mp4"; }
  // What was read before is not new enough any more.
  static void let_it_age() { std::this_thread::sleep_for(std::chrono::microseconds(DvrArchive::kFreshUs)); }
  void show() {
    while (package_.update({sources(reader_)}, 0).more) {
    }
    views_.publish(package_.view(), this);
  }
  void record(PublicationId id = PublicationId{0xA1}) {
    for (const media::LogInfo& info : reader_->logs()) {
      if (info.publication_id != id) continue;
      media::LogReader log = reader_->open_log(info.slot, id, info.first).value();
      recording_.begin_log();
      recording_.take(log);
    }
    write_file(recording_path(), recording_.live());
  }
  std::string request(const std::string& method, const std::string& path, const std::string& fields = "") {
    http::testing::TestClient client(server_->port());
    client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n" + fields + "\r\n");
    return client.read_answer(method == "HEAD");
  }
  std::string get(const std::string& name, const std::string& fields = "") {
    return request("GET", "/live/s1/" + name, fields);
  }
  // The first segment of a rendition's list: the log has it, but no list of it any more.
  static std::string first_segment(std::string_view list) {
    const std::size_t end = list.find(".m4s") + 4;
    const std::size_t begin = list.rfind('\n', end - 1) + 1;
    return std::string(list.substr(begin, end - begin));
  }
  std::string token() {
    playback::Claims claims;
    claims.stream_id = "s1";
    claims.expires_s = kNow + 60;
    return keys().sign(claims);
  }

  ScratchDirectory logs_, directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::unique_ptr<TestPublisher> publisher_;
  TestRecording recording_;
  StreamPackage package_{"s1", WindowPolicy{.segments = 4}};
  ViewTable views_;
  ViewerCounter viewers_;
  Metrics metrics_;
  PlaybackGate gate_{keys()};
  Delivery delivery_{views_, gate_, viewers_, metrics_};
  http::WaitingRoom room_{http::WaitingRoom::Limits{}};
  std::unique_ptr<DvrArchive> archive_ = std::make_unique<DvrArchive>(directory_.path(), kHourUs);
  DvrDelivery dvr_{views_, gate_, viewers_, metrics_, {}, *archive_};
  PatientDelivery patient_{delivery_, room_, metrics_, &dvr_};
  std::unique_ptr<http::Server> server_;
};

}  // namespace millrace::packaging
