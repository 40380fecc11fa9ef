#include "forward/forwards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

IngestConfig config(const std::string& targets = "", const std::string& allow = "127.0.0.0/8,10.0.0.0/8") {
  IngestConfig all;
  all.forward_targets = Secret(targets);
  all.forward_allow = allow;
  return all;
}

std::vector<std::string> ids(const Forwards& forwards, const std::string& stream_id,
                             std::vector<std::string> decided = {}) {
  LiveStream stream;
  stream.stream_id = stream_id;
  stream.forward_urls = std::move(decided);
  std::vector<std::string> all;
  for (const ForwardSpecPtr& spec : forwards.targets_of(stream)) all.push_back(spec->id);
  return all;
}

TEST(ForwardTargets, AreReadFromOneText) {
  const auto specs =
      parse_forward_targets("  cam1=rtmp://host/live/key?a=b\n*=rtmps://u:p@[2001:db8::1]/app/k2 ");
  ASSERT_TRUE(specs);
  ASSERT_THAT(*specs, SizeIs(2));
  EXPECT_EQ((*specs)[0]->id, "config-1");
  EXPECT_EQ((*specs)[0]->stream_id, "cam1");
  EXPECT_EQ((*specs)[0]->url.name, "key?a=b");
  EXPECT_EQ((*specs)[1]->stream_id, "*");
  EXPECT_EQ((*specs)[1]->url.label(), "[2001:db8::1]/app");
  EXPECT_THAT(*parse_forward_targets(""), IsEmpty());
}

TEST(ForwardTargets, SayWhichEntryIsWrongAndNothingOfIt) {
  for (const char* text :
       {"secret", "rtmp://host/live/secret", "*=http://host/live/secret", "*=rtmp://host/secret",
        "a/b=rtmp://host/live/secret", "=rtmp://host/live/secret"}) {
    SCOPED_TRACE(text);
    const auto specs = parse_forward_targets("*=rtmp://host/live/key " + std::string(text));
    ASSERT_FALSE(specs);
    EXPECT_EQ(specs.error().code, "ingest.forward_targets");
    EXPECT_THAT(specs.error().message, HasSubstr("entry 2"));
    EXPECT_THAT(specs.error().message, Not(HasSubstr("secret")));
  }
}

TEST(Forwards, RefuseConfiguredTargetsThatNobodyAllowed) {
  EXPECT_TRUE(Forwards::open(config("*=rtmp://127.0.0.1/live/key")));
  EXPECT_TRUE(Forwards::open(config("*=rtmp://live.example.org/live/key", "")));
  const auto refused = Forwards::open(config("*=rtmp://127.0.0.1/live/secret", ""));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("config-1"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  EXPECT_FALSE(Forwards::open(config("", "10.0.0.0/99")));
}

TEST(Forwards, AreStartedAndStoppedByCommand) {
  auto forwards = std::move(*Forwards::open(config("*=rtmp://127.0.0.1/live/key")));
  std::vector<std::string> told;
  forwards->set_observer([&told](const std::string& stream_id) { told.push_back(stream_id); });
  EXPECT_TRUE(forwards->start("one", "cam1", "rtmp://127.0.0.1/live/a"));
  EXPECT_TRUE(forwards->start("one", "cam1", "rtmp://127.0.0.1/live/a")) << "the same once more";
  EXPECT_TRUE(forwards->start("all", "*", "rtmp://10.0.0.7/live/b"));
  EXPECT_THAT(ids(*forwards, "cam1"), ElementsAre("config-1", "all", "one"));
  EXPECT_THAT(ids(*forwards, "cam2"), ElementsAre("config-1", "all"));
  EXPECT_TRUE(forwards->stop("one"));
  EXPECT_THAT(ids(*forwards, "cam1"), ElementsAre("config-1", "all"));
  EXPECT_THAT(told, ElementsAre("cam1", "*", "cam1"));

  EXPECT_EQ(forwards->stop("one").error().code, "ingest.forward_unknown");
  EXPECT_EQ(forwards->stop("config-1").error().code, "ingest.forward_unknown");
  EXPECT_EQ(forwards->start("all", "cam1", "rtmp://127.0.0.1/live/a").error().code, "ingest.forward_exists");
  EXPECT_EQ(forwards->start("config-1", "cam1", "rtmp://127.0.0.1/live/a").error().code,
            "ingest.forward_exists");
  EXPECT_EQ(forwards->start("a b", "cam1", "rtmp://127.0.0.1/live/a").error().code, "ingest.forward_id");
  EXPECT_EQ(forwards->start("x", "../cam", "rtmp://127.0.0.1/live/a").error().code, "ingest.forward_stream");
  EXPECT_EQ(forwards->start("x", "cam1", "rtmp://127.0.0.1/").error().code, "rtmp.url");
  for (const char* url :
       {"rtmp://192.168.0.1/live/a", "rtmp://169.254.169.254/live/a", "rtmp://[::1]/live/a",
        "rtmp://0x7f000001/live/a", "rtmp://2130706433/live/a", "rtmp://u:p@192.168.0.1/live/a"}) {
    SCOPED_TRACE(url);
    const auto refused = forwards->start("x", "cam1", url);
    ASSERT_FALSE(refused);
    EXPECT_THAT(std::string(refused.error().code), HasSubstr("net.egress"));
  }
}

TEST(Forwards, TakeWhatWasDecidedAboutAPublicationIfItIsUsable) {
  auto forwards = std::move(*Forwards::open(config()));
  EXPECT_THAT(
      ids(*forwards, "cam1",
          {"rtmp://127.0.0.1/live/a", "rtmp://192.168.0.1/live/b", "nonsense", "rtmps://10.1.2.3/live/c"}),
      ElementsAre("decided-1", "decided-4"));
}

TEST(Forwards, AreBoundedAStreamAndInAll) {
  IngestConfig all = config();
  all.forward_max = 2;
  auto forwards = std::move(*Forwards::open(all));
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(forwards->start("f" + std::to_string(i), "cam1", "rtmp://127.0.0.1/live/a"));
  }
  EXPECT_THAT(ids(*forwards, "cam1"), SizeIs(Forwards::kMaxPerStream));
  LiveStream stream;
  stream.stream_id = "cam1";
  const ForwardSpecPtr spec = forwards->targets_of(stream).front();
  auto first = forwards->begin(*spec, "cam1");
  const auto second = forwards->begin(*spec, "cam1");
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(forwards->begin(*spec, "cam1"));
  EXPECT_THAT(forwards->running(), SizeIs(2));
  first.reset();
  EXPECT_TRUE(forwards->begin(*spec, "cam1")) << "one has ended";
}

}  // namespace
}  // namespace millrace::ingest
