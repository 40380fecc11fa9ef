#include "streams/decisions.hpp"

#include <gtest/gtest.h>

#include "store/test_database.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

const Secret kServerSecret("0123456789abcdef0123456789abcdef");
constexpr std::int64_t kNow = 1'000'000'000;
constexpr WallTime kWall = WallTime::from_seconds(1'800'000'000);
constexpr const char* kPeer = "192.0.2.1:1000";

// Counts what a decision asks of the database.
class CountingStore : public StreamStore {
 public:
  explicit CountingStore(StreamStore& store) : store_(store) {}

  Result<std::optional<Admission>> admit_publication(const std::string& lookup,
                                                     const std::string& app) override {
    return ++calls, store_.admit_publication(lookup, app);
  }
  Result<std::optional<std::string>> find_publishable(const std::string& lookup,
                                                      const std::string& app) override {
    return ++calls, store_.find_publishable(lookup, app);
  }
  Result<std::optional<Playable>> find_playable(const PlayName& name, const std::string& app) override {
    return ++calls, store_.find_playable(name, app);
  }
  Result<StreamRecord> ensure(const StreamRecord& candidate) override {
    return ++calls, store_.ensure(candidate);
  }
  Result<std::optional<StreamRecord>> find(const std::string& name, const std::string& lookup) override {
    return ++calls, store_.find(name, lookup);
  }
  Result<std::vector<StreamRecord>> list(const std::string& subject) override {
    return ++calls, store_.list(subject);
  }
  Result<std::optional<StreamRecord>> set_banned(const std::string& id, bool banned) override {
    return ++calls, store_.set_banned(id, banned);
  }
  Result<std::optional<StreamRecord>> set_private(const std::string& id, bool is_private) override {
    return ++calls, store_.set_private(id, is_private);
  }
  Result<std::vector<std::string>> list_private(std::size_t limit) override {
    return ++calls, store_.list_private(limit);
  }
  Result<std::vector<std::string>> list_barred(std::size_t limit) override {
    return ++calls, store_.list_barred(limit);
  }
  Result<std::vector<RevokedStream>> list_revoked(std::size_t limit) override {
    return ++calls, store_.list_revoked(limit);
  }
  Result<void> raise_epochs(std::span<const LivePublication> live) override {
    return ++calls, store_.raise_epochs(live);
  }
  Result<std::optional<StreamRecord>> update_settings(const std::string& id,
                                                      const SettingsChange& change) override {
    return ++calls, store_.update_settings(id, change);
  }
  Result<std::optional<StreamRecord>> replace_key(const std::string& id, const std::string& subject,
                                                  const std::string& lookup,
                                                  const std::string& sealed) override {
    return ++calls, store_.replace_key(id, subject, lookup, sealed);
  }

  int calls = 0;

 private:
  StreamStore& store_;
};

class AuthDecisions : public store::DatabaseTest {
 protected:
  AuthDecisions() {
    repository_ = std::make_unique<StreamRepository>(StreamRepository::open(options(), vault_).value());
    store_ = std::make_unique<CountingStore>(*repository_);
    decisions_ = std::make_unique<Decisions>(*store_, vault_, DecisionLimits{}, [this](std::string_view key) {
      ++lookups_;
      return vault_.lookup(key);
    });
  }

  store::DatabaseOptions options() const { return database_.options(); }
  OwnedStream stream(const std::string& subject) { return decisions_->ensure_stream(subject, kWall).value(); }
  std::optional<Admission> publish(const std::string& key, const std::string& app = "live",
                                   std::string_view peer = kPeer) {
    return decisions_->authorize_publish(app, key, peer, kNow).value();
  }
  std::optional<std::string> play(const std::string& name, const std::string& app = "live",
                                  const std::string& key = "") {
    const auto admission = decisions_->authorize_play(app, name, key, kPeer, kNow).value();
    return admission ? std::optional(admission->stream_id) : std::nullopt;
  }

  KeyVault vault_ = KeyVault::create(kServerSecret).value();
  std::unique_ptr<StreamRepository> repository_;
  std::unique_ptr<CountingStore> store_;
  std::unique_ptr<Decisions> decisions_;
  int lookups_ = 0;
};

TEST_P(AuthDecisions, TheRightKeyPublishesItsStreamWithAGrowingEpoch) {
  const OwnedStream alice = stream("alice");
  const OwnedStream bob = stream("bob");
  EXPECT_NE(alice.record.stream_id, bob.record.stream_id);
  EXPECT_EQ(publish(alice.key.reveal())->epoch, Epoch{1});
  const std::optional<Admission> again = publish(alice.key.reveal());
  EXPECT_EQ(again->stream_id, alice.record.stream_id);
  EXPECT_EQ(again->epoch, Epoch{2});
  EXPECT_EQ(publish(bob.key.reveal())->epoch, Epoch{1});
}

TEST_P(AuthDecisions, TheEpochIsInTheDatabaseBeforeTheAnswer) {
  const OwnedStream alice = stream("alice");
  ASSERT_EQ(publish(alice.key.reveal())->epoch, Epoch{1});
  // What a restarted service would see, with the first one still open.
  StreamRepository restarted = StreamRepository::open(options(), vault_).value();
  EXPECT_EQ(restarted.admit_publication(vault_.lookup(alice.key.reveal()), "live").value()->epoch, Epoch{2});
  EXPECT_EQ(publish(alice.key.reveal())->epoch, Epoch{3});
}

TEST_P(AuthDecisions, AnAccountKeepsItsStreamAndKey) {
  const OwnedStream first = stream("alice");
  const OwnedStream second = stream("alice");
  EXPECT_EQ(first.record.stream_id, second.record.stream_id);
  EXPECT_EQ(first.key.reveal(), second.key.reveal());
  EXPECT_EQ(decisions_->ensure_stream("", kWall).error().code, "auth.subject");
}

struct Attempt {
  const char* name;
  std::string app;
  std::string key;
};

TEST_P(AuthDecisions, AWrongAnUnknownAndABannedKeyTakeTheSameStepsToTheSameAnswer) {
  const OwnedStream alice = stream("alice");
  const OwnedStream banned = stream("mallory");
  ASSERT_TRUE(decisions_->set_banned(banned.record.stream_id, true));
  std::string wrong = alice.key.reveal();
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::vector<Attempt> refused = {
      {"wrong in its last digit", "live", wrong},
      {"unknown", "live", KeyVault::new_key().reveal()},
      {"banned", "live", banned.key.reveal()},
      {"empty", "live", ""},
      {"the public id", "live", alice.record.stream_id},
      {"very long", "live", std::string(200000, 'k')},
      {"SQL", "live", "' OR 1=1 --"},
      {"another's channel", banned.record.stream_id, alice.key.reveal()},
      {"another application", "vod", alice.key.reveal()},
      {"no application", "", alice.key.reveal()},
      {"an application that is not UTF-8", "live\xff", alice.key.reveal()},
      {"an application that goes on after a NUL", std::string("live\0x", 6), alice.key.reveal()},
      {"a key that is not UTF-8", "live", "\xff\xfe"},
  };
  for (const Attempt& attempt : refused) {
    lookups_ = store_->calls = 0;
    EXPECT_EQ(publish(attempt.key, attempt.app), std::nullopt) << attempt.name;
    EXPECT_EQ(lookups_, 1) << attempt.name;
    EXPECT_EQ(store_->calls, 1) << attempt.name;
  }
  lookups_ = store_->calls = 0;
  EXPECT_TRUE(publish(alice.key.reveal()));
  EXPECT_EQ(lookups_, 1) << "the right key";
  EXPECT_EQ(store_->calls, 1) << "the right key";
}

TEST_P(AuthDecisions, TheApplicationIsLiveOrTheStreamsPublicId) {
  const OwnedStream alice = stream("alice");
  EXPECT_TRUE(publish(alice.key.reveal(), "live"));
  EXPECT_TRUE(publish(alice.key.reveal(), alice.record.stream_id));
  EXPECT_TRUE(play(alice.record.stream_id, alice.record.stream_id));
}

TEST_P(AuthDecisions, AnAddressThatGuessesIsStoppedAndOthersAreNot) {
  const OwnedStream alice = stream("alice");
  store_->calls = 0;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(publish("sk_wrong"));
  EXPECT_EQ(store_->calls, static_cast<int>(FailureLimits{}.burst));
  EXPECT_FALSE(publish(alice.key.reveal())) << "an oracle for one more guess otherwise";
  EXPECT_TRUE(publish(alice.key.reveal(), "live", "192.0.2.2:1"));
  EXPECT_TRUE(decisions_->authorize_publish("live", alice.key.reveal(), kPeer, kNow + 1'000'000).value());
}

TEST_P(AuthDecisions, PlaysByPublicIdOrByKeyUnlessBanned) {
  const OwnedStream alice = stream("alice");
  EXPECT_EQ(play(alice.record.stream_id), alice.record.stream_id);
  EXPECT_EQ(play(alice.key.reveal()), alice.record.stream_id);
  EXPECT_EQ(play("unknown"), std::nullopt);
  EXPECT_EQ(play(alice.record.stream_id, "vod"), std::nullopt);
  EXPECT_EQ(play("\xc3"), std::nullopt);
  EXPECT_EQ(play(alice.record.stream_id + std::string("\0x", 2)), std::nullopt);
  EXPECT_EQ(play(std::string(255, 'a') + "\xc3\xbc"), std::nullopt) << "cut off in the middle of a character";
  ASSERT_TRUE(decisions_->set_banned(alice.record.stream_id, true));
  EXPECT_EQ(play(alice.record.stream_id), std::nullopt);
  EXPECT_EQ(play(alice.key.reveal()), std::nullopt);
  ASSERT_TRUE(decisions_->set_banned(alice.record.stream_id, false));
  EXPECT_EQ(play(alice.record.stream_id), alice.record.stream_id);
  EXPECT_EQ(decisions_->set_banned("unknown", true).error().code, "auth.unknown_stream");
}

TEST_P(AuthDecisions, WhoHasATokenMayStayWhenAPublicStreamBecomesPrivate) {
  const OwnedStream alice = stream("alice");
  const std::string id = alice.record.stream_id;
  decisions_->take_tokens([&](std::string_view token, std::string_view stream_id, std::string_view peer) {
    return token == "good" && stream_id == id && peer == kPeer;
  });
  const auto tag = [&](std::string_view token) {
    return decisions_->authorize_play("live", id, "", kPeer, kNow, token).value()->play_tag;
  };
  EXPECT_EQ(tag(""), 0U);
  EXPECT_EQ(tag("bad"), 0U);
  const std::uint64_t of_before = tag("good");
  ASSERT_TRUE(decisions_->set_private(id, true));
  EXPECT_EQ(decisions_->admit("live", alice.key.reveal()).value()->play_tag, of_before);
  EXPECT_EQ(tag("good"), of_before);
}

TEST_P(AuthDecisions, ListsKeysForTheirOwnerOnly) {
  const OwnedStream alice = stream("alice");
  const OwnedStream bob = stream("bob");
  const std::vector<OwnedStream> own = decisions_->list_streams("alice").value();
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].key.reveal(), alice.key.reveal());
  const std::vector<OwnedStream> all = decisions_->list_streams("").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].key.empty() && all[1].key.empty());
  EXPECT_EQ(all[1].record.stream_id, bob.record.stream_id);
  EXPECT_EQ(all[1].record.created_wall, kWall);
  EXPECT_TRUE(decisions_->list_streams("nobody").value().empty());
}

TEST_P(AuthDecisions, FindsAStreamByIdAndByKey) {
  const OwnedStream alice = stream("alice");
  EXPECT_EQ(decisions_->get_stream(alice.record.stream_id)->subject, "alice");
  EXPECT_EQ(decisions_->get_stream(alice.key.reveal())->subject, "alice");
  EXPECT_EQ(decisions_->get_stream("unknown").error().code, "auth.unknown_stream");
}

TEST_P(AuthDecisions, AStolenDatabaseHoldsNoKeyInAnyForm) {
  const std::string key = stream("alice").key.reveal();
  ASSERT_TRUE(publish(key));
  const std::string disk = database_.bytes_on_disk();
  const std::string digits = key.substr(3);
  Bytes raw;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    raw.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  EXPECT_NE(disk.find("alice"), std::string::npos) << "the right files were read";
  EXPECT_NE(disk.find(vault_.lookup(key)), std::string::npos);
  EXPECT_EQ(disk.find(digits), std::string::npos);
  EXPECT_EQ(disk.find(hex(as_bytes(key))), std::string::npos);
  EXPECT_EQ(disk.find(as_text(raw)), std::string::npos);
  EXPECT_EQ(disk.find(kServerSecret.reveal()), std::string::npos);
}

TEST_P(AuthDecisions, AnotherServerSecretIsRefusedAtTheStart) {
  const KeyVault other = KeyVault::create(Secret("another secret of thirty-two bytes")).value();
  const Result<StreamRepository> refused = StreamRepository::open(options(), other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "auth.wrong_secret");
  EXPECT_NE(refused.error().message.find("MILLRACE_SECRET"), std::string::npos);
  EXPECT_TRUE(StreamRepository::open(options(), vault_));
}

INSTANTIATE_TEST_SUITE_P(Over, AuthDecisions, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
