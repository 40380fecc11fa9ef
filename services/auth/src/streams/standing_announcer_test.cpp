// Over a real database: what is named of private and barred streams, and when.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class StandingAnnouncerTest : public AccessControlTest {};

// Whoever shows the media log may have started after it was published last.
TEST_P(StandingAnnouncerTest, PublishesAgainAfterARestartWhatIsPrivate) {
  using Told = std::vector<std::pair<std::string, bool>>;
  Told told;
  dependencies_.announce_private = [&told](const std::string& id, bool is_private) {
    told.emplace_back(id, is_private);
  };
  const OwnedStream hidden = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const OwnedStream open = decisions_->ensure_stream("bob", WallTime::from_us(1)).value();
  const OwnedStream never_live = decisions_->ensure_stream("carol", WallTime::from_us(1)).value();
  for (const OwnedStream& stream : {hidden, open}) {
    ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  }
  const auto make = [this](const std::string& id, bool is_private) {
    bus::v1::Request change;
    change.mutable_set_private()->set_stream_id(id);
    change.mutable_set_private()->set_is_private(is_private);
    EXPECT_TRUE(ask(change)->reply->has_stream());
  };
  dependencies_.policy.decides = Decides::kStore;
  make(hidden.record.stream_id, true);
  make(never_live.record.stream_id, true);
  told.clear();
  restart();
  EXPECT_EQ(told, (Told{{hidden.record.stream_id, true}}));

  std::uint64_t id = 0;
  for (const Decides decides : {Decides::kCallback, Decides::kHooks}) {
    dependencies_.policy.decides = decides;
    restart();
    const bool callback = decides == Decides::kCallback;
    for (const char* channel : {"cam", "other"}) {
      publish(++id, callback ? channel : "live", callback ? "key" : channel);
      ASSERT_EQ(hook_->questions.size(), 1U);
      answer(hook_->take(), "s" + std::to_string(id));
    }
    make("cam", true);
    told.clear();
    restart();
    EXPECT_EQ(told, (Told{{"cam", true}})) << "by the channels alone";
    make("cam", false);
    told.clear();
    restart();
    EXPECT_TRUE(told.empty());
  }
}

TEST_P(StandingAnnouncerTest, PublishesABanNowAndAgainAfterARestart) {
  using Told = std::vector<std::pair<std::string, bool>>;
  Told told;
  dependencies_.announce_barred = [&told](const std::string& id, bool is_barred) {
    told.emplace_back(id, is_barred);
  };
  const auto ban = [this](const std::string& id, bool banned) {
    bus::v1::Request change;
    change.mutable_set_banned()->set_stream_id(id);
    change.mutable_set_banned()->set_banned(banned);
    EXPECT_TRUE(ask(change)->reply->has_stream());
  };
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  accepted(1, "chan", "s1");
  const struct {
    Decides decides;
    std::string id;
  } table[] = {{Decides::kStore, stream.record.stream_id}, {Decides::kCallback, "chan"}};
  for (const auto& row : table) {
    dependencies_.policy.decides = row.decides;
    restart();
    EXPECT_TRUE(told.empty());
    ban(row.id, true);
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, true}}));
    restart();
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, true}}));
    ban(row.id, false);
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, false}}));
    restart();
    EXPECT_TRUE(told.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Over, StandingAnnouncerTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
