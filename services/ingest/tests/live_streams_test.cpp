#include "streams/live_streams.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace millrace::ingest {
namespace {

using Claim = LiveStreams::Claim;

struct Claimant {
  Claimant(LiveStreams& streams, std::uint64_t epoch) : stream(std::make_shared<LiveStream>()) {
    stream->stream_id = "s";
    stream->publication_id = PublicationId{epoch * 100};
    stream->epoch = Epoch{epoch};
    stream->terminate = [this](media::LogEnd reason) { told = reason; };
    streams.claim(stream, [this](Claim claim) { answer = claim; });
  }
  LiveStreamPtr stream;
  std::optional<media::LogEnd> told;
  std::optional<Claim> answer;
};

TEST(LiveStreams, GrantsAFreeStreamAtOnce) {
  LiveStreams streams;
  const Claimant one(streams, 1);
  EXPECT_EQ(one.answer, Claim::kGranted);
  EXPECT_EQ(streams.find("s"), nullptr);  // not live yet
  streams.set_live(one.stream);
  EXPECT_EQ(streams.find("s"), one.stream);
  streams.set_ended(one.stream);
  EXPECT_EQ(streams.find("s"), nullptr);
  streams.release(one.stream);
  EXPECT_TRUE(streams.all().empty());
}

TEST(LiveStreams, GrantsTheNewerOneWhenTheOlderHasGone) {
  LiveStreams streams;
  const Claimant one(streams, 1);
  const Claimant two(streams, 2);
  EXPECT_EQ(one.told, media::LogEnd::kTakenOver);
  EXPECT_FALSE(two.answer);
  streams.release(one.stream);
  EXPECT_EQ(two.answer, Claim::kGranted);
}

TEST(LiveStreams, RefusesAnOlderOrEqualEpoch) {
  LiveStreams streams;
  const Claimant two(streams, 2);
  EXPECT_EQ(Claimant(streams, 1).answer, Claim::kSuperseded);
  EXPECT_EQ(Claimant(streams, 2).answer, Claim::kSuperseded);
  EXPECT_FALSE(two.told);
}

TEST(LiveStreams, LetsOnlyTheNewestWait) {
  LiveStreams streams;
  const Claimant one(streams, 1);
  const Claimant two(streams, 2);
  const Claimant three(streams, 3);
  EXPECT_EQ(two.answer, Claim::kSuperseded);
  EXPECT_FALSE(three.answer);
  streams.release(two.stream);  // has no effect: it waits no more
  EXPECT_FALSE(three.answer);
  streams.release(one.stream);
  EXPECT_EQ(three.answer, Claim::kGranted);
}

TEST(LiveStreams, ForgetsAWithdrawnClaim) {
  LiveStreams streams;
  const Claimant one(streams, 1);
  const Claimant two(streams, 2);
  streams.release(two.stream);
  streams.release(one.stream);
  EXPECT_FALSE(two.answer);
  EXPECT_TRUE(streams.all().empty());
}

TEST(LiveStreams, ClosesTheOwnerAndWhoWaits) {
  LiveStreams streams;
  const Claimant one(streams, 1);
  const Claimant two(streams, 2);
  EXPECT_TRUE(streams.close("s", {}, media::LogEnd::kRevoked));
  EXPECT_EQ(one.told, media::LogEnd::kRevoked);
  EXPECT_EQ(two.told, media::LogEnd::kRevoked);
  EXPECT_FALSE(streams.close("other", {}, media::LogEnd::kRevoked));
}

TEST(LiveStreams, ClosesOnlyThePublicationsThatAreMeant) {
  LiveStreams streams;
  Claimant one(streams, 1);
  Claimant two(streams, 2);
  one.stream->publication_id = PublicationId{11};
  two.stream->publication_id = PublicationId{12};
  one.told.reset();
  EXPECT_FALSE(streams.close("s", {.publication_id = PublicationId{13}, .up_to_epoch = kNoEpoch},
                             media::LogEnd::kRevoked));
  EXPECT_TRUE(streams.close("s", {.publication_id = kNoPublication, .up_to_epoch = Epoch{1}},
                            media::LogEnd::kRevoked));
  EXPECT_EQ(one.told, media::LogEnd::kRevoked);
  EXPECT_EQ(two.told, std::nullopt);
  EXPECT_TRUE(streams.close("s", {.publication_id = PublicationId{12}, .up_to_epoch = kNoEpoch},
                            media::LogEnd::kRevoked));
  EXPECT_EQ(two.told, media::LogEnd::kRevoked);
}

TEST(LiveStreams, TellsTheObserverOfBeginningAndEnd) {
  LiveStreams streams;
  int told = 0;
  streams.set_observer([&](const LiveStreamPtr&) { ++told; });
  const Claimant one(streams, 1);
  streams.set_live(one.stream);
  streams.set_ended(one.stream);
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace millrace::ingest
