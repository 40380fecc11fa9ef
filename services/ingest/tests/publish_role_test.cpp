#include "publish/publish_role.hpp"

#include <new>
#include <optional>

#include "media/log_names.hpp"
#include "media_samples.hpp"
#include "role_fixture.hpp"
#include "streams/publication_actor.hpp"

namespace millrace::ingest {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class PublishRoleTest : public testing::RoleTest {
 protected:
  PublishRoleTest() {
    connection_.end_role = [this](media::LogEnd reason) { role_->end(reason); };
    role_.emplace(connection_, context_);
  }

  void ask(const char* key = "one") {
    auto request = connection_.request<rtmp::PublishRequested>("publish", key);
    role_->ask(request, [this](const std::function<void(PublishRole&)>& work) { work(*role_); });
  }
  LiveStreamPtr accept(const StreamLimits& limits = {}) {
    auto stream = std::make_shared<LiveStream>();
    stream->stream_id = "one";
    stream->epoch = Epoch{1};
    stream->publication_id = role_->state().publication_id;
    stream->limits = limits;
    streams_.claim(stream, [](LiveStreams::Claim) {});
    ticket_->accept(stream);
    return stream;
  }

  void send(rtmp::MessageType type, std::uint32_t timestamp_ms, const Bytes& body) {
    role_->begin({4, type, timestamp_ms, static_cast<std::uint32_t>(body.size()), 1});
    role_->append({4, body});
    role_->end({4}, {connection_.now, {}});
  }
  // What is told on the bus now.
  std::vector<NewRecords> report() {
    std::vector<NewRecords> told;
    (void)role_->report(told);
    return told;
  }

  testing::RecordedConnection connection_;
  std::shared_ptr<PublicationTicket> ticket_;
  std::function<void(const std::shared_ptr<PublicationTicket>&)> start_ =
      [this](const std::shared_ptr<PublicationTicket>& ticket) { ticket_ = ticket; };
  Slates slates_{*arena_, {.grace_us = 60 * kSecond, .retention = {}}};
  PublishContext context_{config_, counters_, *arena_, announcer_, streams_, slates_, start_};
  std::optional<PublishRole> role_;
};

TEST_F(PublishRoleTest, ReadsNothingWhileItAsks) {
  ask();
  EXPECT_TRUE(role_->asking());
  EXPECT_FALSE(connection_.reading);
  const LiveStreamPtr stream = accept();
  EXPECT_TRUE(role_->publishing());
  EXPECT_TRUE(connection_.reading);
  EXPECT_TRUE(stream->live);
  EXPECT_TRUE(connection_.was_told("NetStream.Publish.Start"));
}

TEST_F(PublishRoleTest, RefusesABadNameBeforeAnybodyIsAsked) {
  ask("no/name");
  EXPECT_EQ(ticket_, nullptr);
  EXPECT_TRUE(role_->over());
  EXPECT_TRUE(connection_.lingers);
  EXPECT_TRUE(connection_.was_told("NetStream.Publish.BadName"));
}

// A way back that can't be copied for want of memory.
struct ScarcePost {
  ScarcePost() = default;
  ScarcePost(const ScarcePost&) { throw std::bad_alloc(); }
  ScarcePost(ScarcePost&&) noexcept {}
  void operator()(const std::function<void(PublishRole&)>&) const {}
};

TEST_F(PublishRoleTest, IsOverWithoutATicketWhenThereIsNoMemoryForOne) {
  auto request = connection_.request<rtmp::PublishRequested>("publish");
  const PublishRole::Post post{ScarcePost()};
  EXPECT_THROW(role_->ask(request, post), std::bad_alloc);
  EXPECT_EQ(ticket_, nullptr);
  connection_.close(media::LogEnd::kNoSpace, "out of memory");
  EXPECT_TRUE(role_->over());
}

TEST_F(PublishRoleTest, GivesBackWhatCameWithTheCommand) {
  ask();
  EXPECT_TRUE(role_->hold(Bytes{1, 2}));
  EXPECT_TRUE(role_->hold(Bytes{3}));
  EXPECT_EQ(counters_.held_bytes, 3U);
  accept();
  EXPECT_EQ(role_->release_held(), (Bytes{1, 2, 3}));
  EXPECT_EQ(counters_.held_bytes, 0U);
  EXPECT_TRUE(role_->release_held().empty());
}

TEST_F(PublishRoleTest, HoldsUpToItsBound) {
  ask();
  EXPECT_TRUE(role_->hold(Bytes(RoleConnection::kMaxBytesBeforeAcceptance)));
  EXPECT_FALSE(role_->hold(Bytes(1)));
  EXPECT_EQ(connection_.closed, "sends too much before it is accepted");
  EXPECT_TRUE(role_->over());
  EXPECT_EQ(counters_.held_bytes, 0U);
}

TEST_F(PublishRoleTest, IsRefusedWhenTooMuchIsHeldForAll) {
  ask();
  counters_.held_bytes = PublishRole::kMaxHeldBytes;
  EXPECT_FALSE(role_->hold(Bytes(1)));
  EXPECT_TRUE(connection_.was_told("Too many publishers wait for an answer"));
  EXPECT_EQ(counters_.held_bytes, PublishRole::kMaxHeldBytes);
}

TEST_F(PublishRoleTest, IsHeldToLimitsThatChangedWhileItAsked) {
  ask();
  ticket_->change_limits({100, ""});
  accept({5000, ""});
  EXPECT_EQ(role_->state().limits.max_bitrate_kbps, 100U) << "the stream's are those of its admission";
  EXPECT_TRUE(role_->count_received(100 * 1000 / 8 * 9, connection_.now));
  EXPECT_FALSE(role_->count_received(100 * 1000 / 8 * 2, connection_.now));
  EXPECT_TRUE(connection_.was_told("More than 100 kbit/s over 10 s"));
  EXPECT_EQ(counters_.over_bitrate, 1U);
  EXPECT_EQ(counters_.publishers, 0U);
}

TEST_F(PublishRoleTest, MeasuresAnewWhenLimitsChange) {
  ask();
  accept({100, ""});
  EXPECT_TRUE(role_->count_received(100 * 1000 / 8 * 9, connection_.now));
  ticket_->change_limits({200, ""});
  EXPECT_TRUE(role_->count_received(200 * 1000 / 8 * 9, connection_.now))
      << "what it sent before does not count";
}

TEST_F(PublishRoleTest, TellsTheBusWhenAPartOrASegmentHasEnded) {
  ask();
  accept();
  send(rtmp::MessageType::kVideo, 0, testing::avc_header());
  std::uint64_t parts = 0;
  int told = 0;
  for (std::uint32_t frame = 0; frame < 180; ++frame) {
    connection_.now += 33'000;
    send(rtmp::MessageType::kVideo, frame * 100 / 3, testing::video_frame(frame % 60 == 0, frame));
    for (const NewRecords& records : report()) {
      EXPECT_TRUE(frame % 60 == 0 || (frame > 60 && frame % 10 == 0)) << frame;
      ++told;
      parts = records.closed_parts;
    }
  }
  EXPECT_EQ(told, 3 + 10) << "three segments, and what is within the second and the third";
  EXPECT_EQ(parts, 11U);
  (void)report();
  role_->end(media::LogEnd::kUnpublished);
  ASSERT_EQ(announcer_.announced.size(), 1U);
  EXPECT_EQ(announcer_.announced.back().closed_parts, 12U) << "the end closes the last one";
}

TEST_F(PublishRoleTest, AnswersOfAnotherPublicationAreVoid) {
  ask();
  const auto old = ticket_;
  role_->end(media::LogEnd::kDisconnected);
  connection_.session().reject_publish(1, "NetStream.Publish.Failed", "");
  role_.emplace(connection_, context_);
  ask();
  old->reject({"ingest.denied", "no"});
  old->terminate(media::LogEnd::kRevoked);
  old->change_limits({100, ""});
  EXPECT_TRUE(role_->asking());
  EXPECT_FALSE(role_->state().limits_changed);
  EXPECT_FALSE(connection_.lingers);
}

TEST_F(PublishRoleTest, TakesNoMoreStreamsThanMayBe) {
  config_.max_streams = 1;
  counters_.publishers = 1;
  ask();
  accept();
  EXPECT_TRUE(connection_.was_told("The server takes no more streams"));
  EXPECT_EQ(counters_.publishers, 1U);
  EXPECT_EQ(counters_.over_streams, 1U);
}

TEST_F(PublishRoleTest, ClosesWithoutADecisionInTime) {
  ask();
  connection_.now += PublishRole::kDecisionUs;
  role_->tick(connection_.now);
  EXPECT_TRUE(role_->asking());
  ++connection_.now;
  role_->tick(connection_.now);
  EXPECT_EQ(connection_.closed, "no decision in time");
  EXPECT_EQ(counters_.timeouts, 1U);
}

// Of whoever may come back, and not of who was sent away for good.
class SlateBehindAPublisher : public PublishRoleTest, public ::testing::WithParamInterface<media::LogEnd> {};

TEST_P(SlateBehindAPublisher, StandsInForWhoMayComeBack) {
  connection_.now = kSecond;
  ask();
  accept();
  send(rtmp::MessageType::kVideo, 0, testing::avc_header());
  send(rtmp::MessageType::kVideo, 0, testing::video_frame(true, 0, 64));
  EXPECT_FALSE(slates_.due_us()) << "it is here";
  role_->end(GetParam());
  const std::size_t expected = GetParam() == media::LogEnd::kRevoked ? 0 : 1;
  EXPECT_EQ(slates_.advance(4 * kSecond).size(), expected);
  EXPECT_EQ(slates_.count(), expected);
}

TEST_F(PublishRoleTest, LeavesTheSlateAloneWhenThereIsNoRoomForItsLog) {
  connection_.now = kSecond;
  ask();
  const LiveStreamPtr stream = accept();
  send(rtmp::MessageType::kVideo, 0, testing::avc_header());
  send(rtmp::MessageType::kVideo, 0, testing::video_frame(true, 0, 64));
  role_->end(media::LogEnd::kDisconnected);
  streams_.release(stream);
  ASSERT_EQ(slates_.advance(4 * kSecond).size(), 1U);
  config_.log_stream_bytes = 1ULL << 40;
  testing::RecordedConnection second;
  second.now = 4 * kSecond;
  role_.emplace(second, context_);
  auto request = second.request<rtmp::PublishRequested>("publish", "one");
  role_->ask(request, [this](const std::function<void(PublishRole&)>& work) { work(*role_); });
  accept();
  EXPECT_TRUE(role_->over());
  EXPECT_TRUE(second.was_told("no room for another stream"));
  EXPECT_EQ(slates_.count(), 1U);
  role_.reset();
}

INSTANTIATE_TEST_SUITE_P(Reasons, SlateBehindAPublisher,
                         ::testing::Values(media::LogEnd::kUnpublished, media::LogEnd::kDisconnected,
                                           media::LogEnd::kTimedOut, media::LogEnd::kDrained,
                                           media::LogEnd::kRevoked));

TEST_F(PublishRoleTest, EndsAPublisherWithoutMedia) {
  ask();
  accept();
  connection_.now += std::chrono::microseconds(config_.first_media).count() + kSecond;
  role_->tick(connection_.now);
  EXPECT_TRUE(connection_.was_told("Nothing was received for too long."));
  EXPECT_TRUE(connection_.lingers);
}

struct RefusalCase {
  const char* name;
  Error error;
  std::string_view code;
};
class PublishRefusal : public PublishRoleTest, public ::testing::WithParamInterface<RefusalCase> {};

TEST_P(PublishRefusal, TellsThePublisherWhy) {
  ask();
  ticket_->reject(GetParam().error);
  EXPECT_TRUE(connection_.was_told(GetParam().code));
  EXPECT_TRUE(connection_.was_told(GetParam().error.message));
  EXPECT_TRUE(connection_.lingers);
  EXPECT_EQ(counters_.publish_refused, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, PublishRefusal,
    ::testing::Values(RefusalCase{"Denied", {"ingest.denied", "Not you."}, "NetStream.Publish.Denied"},
                      RefusalCase{"Superseded", {"ingest.superseded", "Late."}, "NetStream.Publish.Rejected"},
                      RefusalCase{"NoAnswer", {"bus.deadline", "Nobody."}, "NetStream.Publish.Failed"}),
    [](const auto& one) { return one.param.name; });

struct EndCase {
  media::LogEnd reason;
  std::string_view code;
  std::string_view text;
  bool is_accepted = true;
};
class PublishEnd : public PublishRoleTest, public ::testing::WithParamInterface<EndCase> {};

TEST_P(PublishEnd, TellsThePublisherWhyBeforeAndAfterItIsAccepted) {
  ask();
  if (GetParam().is_accepted) accept();
  ticket_->terminate(GetParam().reason);
  EXPECT_TRUE(role_->over());
  EXPECT_TRUE(connection_.lingers);
  EXPECT_TRUE(connection_.was_told(GetParam().code));
  EXPECT_TRUE(connection_.was_told(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, PublishEnd,
    ::testing::Values(
        EndCase{media::LogEnd::kTakenOver, "NetStream.Publish.Rejected", "A newer publisher"},
        EndCase{media::LogEnd::kRevoked, "NetStream.Publish.Denied", "The stream was closed.", false},
        EndCase{media::LogEnd::kUnpublished, "NetStream.Publish.Denied", "The stream was closed."},
        EndCase{media::LogEnd::kDrained, "NetStream.Unpublish.Success", "The server is stopping."},
        EndCase{media::LogEnd::kNoSpace, "NetStream.Publish.Failed", "The stream has ended."}),
    [](const auto& one) { return std::string(media::name_of(one.param.reason)); });

}  // namespace
}  // namespace millrace::ingest
