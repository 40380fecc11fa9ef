// Which requests have renditions made that nobody has made yet.
#include <gtest/gtest.h>

#include "delivery.hpp"
#include "stream_package.hpp"
#include "test_plan.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

playback::TokenKeys keys() {
  return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
}

class LadderDemandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gate_.revocations.set_complete();
    arena_ = make_arena(directory_.path());
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
    demand_.set_teller([this](const RenditionDemand::Watched& watched) {
      for (const auto& [name, media_sequence] : watched.renditions)
        wanted_.emplace_back(name, media_sequence);
    });
  }
  void publish(bool is_private = false) {
    TestPublisher::Options options;
    options.part_us = 80'000;
    options.is_private = is_private;
    source_ = std::make_unique<TestPublisher>(*arena_, options);
    source_->groups(8);
    source_->frame(0);
    package_.set_plan(test_plan());
    while (package_.update({sources(reader_)}, 0).more) {
    }
    views_.publish(package_.view(), this);
  }
  // The status; 0: it waits.
  int ask(const std::string& path, http::Method method = http::Method::kGet, std::int64_t now_us = kSecond) {
    http::Request request;
    request.method = method;
    request.path = "/live/s1/" + path.substr(0, path.find('?'));
    request.peer_address = "192.0.2.1";
    if (const std::size_t query = path.find('?'); query != std::string::npos) {
      const std::string pair = path.substr(query + 1);
      request.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
    }
    const Delivery::Outcome outcome = delivery_.answer(request, now_us, WallTime::from_seconds(1'000));
    const auto* const response = std::get_if<http::Response>(&outcome);
    return response == nullptr ? 0 : response->status;
  }
  // Of what is offered, counted from its end.
  std::string segment(std::size_t back) const {
    const auto& offered = package_.view()->offered;
    return to_string(segment_name(offered[offered.size() - 1 - back]->segment()));
  }
  std::uint64_t number(std::size_t back) const {
    const auto& offered = package_.view()->offered;
    return offered[offered.size() - 1 - back]->segment().media_sequence;
  }

  using Wanted = std::vector<std::pair<std::string, std::uint64_t>>;
  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::unique_ptr<TestPublisher> source_;
  StreamPackage package_{"s1", WindowPolicy{.segments = 10}};
  ViewTable views_;
  ViewerCounter viewers_;
  Metrics metrics_;
  PlaybackGate gate_{keys()};
  RenditionDemand demand_;
  Delivery delivery_{views_, gate_, viewers_, metrics_, {}, &demand_};
  Wanted wanted_;
};

TEST_F(LadderDemandTest, BeginsWithTheSegmentThatIsAskedFor) {
  publish();
  EXPECT_EQ(ask("v0-180p/" + segment(2)), 0);
  EXPECT_EQ(wanted_, (Wanted{{"v0-180p", number(2)}}));
}

TEST_F(LadderDemandTest, ListsAndInitSegmentsBeginNothing) {
  publish();
  EXPECT_EQ(ask("index.m3u8"), 200);
  EXPECT_EQ(ask("v0-180p/index.m3u8"), 200);
  const auto& inits = package_.view()->rendition("v0-180p")->init_segments;
  ASSERT_EQ(inits.size(), 1U);
  EXPECT_EQ(ask("v0-180p/" + inits.begin()->first), 200);
  EXPECT_TRUE(wanted_.empty());
  EXPECT_EQ(ask("v0-180p/index.m3u8"), 200);
  EXPECT_EQ(wanted_, (Wanted{{"v0-180p", 0}})) << "who reads it again plays it";
}

TEST_F(LadderDemandTest, BeginsWhereMoreOfAListIsWaitedFor) {
  publish();
  EXPECT_EQ(ask("v0-180p/index.m3u8?_HLS_msn=" + std::to_string(number(0) + 1)), 0);
  EXPECT_EQ(wanted_, (Wanted{{"v0-180p", 0}}));
}

TEST_F(LadderDemandTest, BeginsNothingForWhatWillNotBe) {
  publish();
  const SegmentName name = segment_name(package_.view()->offered.back()->segment());
  SegmentName far = name;
  far.media_sequence += 1'000'000;
  SegmentName other = name;
  other.publication_id = PublicationId{0xBAD};
  for (const std::string& path :
       {"v0-180p/" + to_string(far), "v0-180p/" + to_string(other), "v0-90p/" + to_string(name),
        std::string("v0-180p/p99-00000000000000a1-1.m4s"), std::string("v0-180p/nonsense"),
        "v0-180p/index.m3u8?_HLS_msn=" + std::to_string(number(0) + 1'000)}) {
    const int status = ask(path);
    EXPECT_TRUE(status == 400 || status == 404 || status == 410) << path << " " << status;
  }
  ask("v0-180p/" + to_string(name), http::Method::kHead);
  ask("v0/" + to_string(name));
  EXPECT_TRUE(wanted_.empty());
}

TEST_F(LadderDemandTest, BeginsNothingForWhoMayNotWatch) {
  publish(true);
  for (const std::string& path : {"v0-180p/" + segment(0), std::string("v0-180p/index.m3u8?_HLS_msn=9"),
                                  "v0-180p/" + segment(0) + "?token=forged"}) {
    const int status = ask(path);
    EXPECT_TRUE(status == 401 || status == 403) << path << " " << status;
  }
  EXPECT_TRUE(wanted_.empty());
  const std::string token = keys().sign({.stream_id = "s1", .expires_s = 2'000, .network = {}, .viewer = {}});
  EXPECT_EQ(ask("v0-180p/" + segment(0) + "?token=" + token), 0);
  EXPECT_EQ(wanted_.size(), 1U);
}

}  // namespace
}  // namespace millrace::packaging
