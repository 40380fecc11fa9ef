#include "bus/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "bus/rights.hpp"
#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using testing::BusDirectory;

std::string path_of(const BusDirectory& directory, const std::string& name) {
  return directory.path() + "/keys/" + name;
}

TEST(Keys, AreMadeOncePerNameAndReadableByTheirOwnerAlone) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  EXPECT_EQ(make_keys(keys, {"ingest", "auth"}).value(), (std::vector<std::string>{"ingest", "auth"}));
  const Keys before = load_keys(keys, "ingest").value();
  EXPECT_EQ(make_keys(keys, {"ingest", "api"}).value(), std::vector<std::string>{"api"});
  const Keys after = load_keys(keys, "ingest").value();
  EXPECT_EQ(after.own.public_key, before.own.public_key) << "what is there stays";
  EXPECT_EQ(after.owner(after.own.public_key), "ingest");
  EXPECT_EQ(after.of("api").size(), 1u);
  EXPECT_EQ(after.owner(std::string(kKeyText, '0')), std::nullopt);
  struct stat status {};
  ASSERT_EQ(::stat(path_of(directory, "ingest.secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Keys, AreRefusedWhenOthersMayReadThem) {
  const BusDirectory directory;
  ASSERT_TRUE(make_keys(directory.path() + "/keys", {"ingest"}));
  ASSERT_EQ(::chmod(path_of(directory, "ingest.secret").c_str(), 0640), 0);
  const Result<Keys> keys = load_keys(directory.path() + "/keys", "ingest");
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, "bus.keys");
  EXPECT_NE(keys.error().message.find("chmod 600"), std::string::npos);
}

TEST(Keys, AreRefusedWhenOthersMayListMore) {
  const BusDirectory directory;
  ASSERT_TRUE(make_keys(directory.path() + "/keys", {"ingest"}));
  ASSERT_EQ(::chmod(path_of(directory, "peers").c_str(), 0664), 0);
  const Result<Keys> keys = load_keys(directory.path() + "/keys", "ingest");
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().message.find("chmod 644"), std::string::npos);
}

TEST(Keys, AreNeverWaitedFor) {
  const BusDirectory directory;
  ASSERT_TRUE(make_keys(directory.path() + "/keys", {"ingest"}));
  for (const char* name : {"peers", "ingest.secret"}) {
    std::filesystem::remove(path_of(directory, name));
    ASSERT_EQ(::mkfifo(path_of(directory, name).c_str(), 0600), 0);
    const Result<Keys> keys = load_keys(directory.path() + "/keys", "ingest");
    ASSERT_FALSE(keys);
    EXPECT_NE(keys.error().message.find(std::string(name) + " (BUS_KEYS): not a regular file"),
              std::string::npos);
  }
}

TEST(Keys, SayWhichFileIsMissingOrWrong) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  EXPECT_NE(load_keys(keys, "ingest").error().message.find("ingest.secret"), std::string::npos);
  EXPECT_NE(load_keys(keys, "").error().message.find("operator.secret"), std::string::npos);
  ASSERT_TRUE(make_keys(keys, {"ingest"}));
  std::filesystem::remove(keys + "/peers");
  EXPECT_NE(load_keys(keys, "ingest").error().message.find("peers"), std::string::npos);
  std::ofstream(keys + "/ingest.secret") << "no key\n";
  EXPECT_NE(load_keys(keys, "ingest").error().message.find("40 characters"), std::string::npos);
}

TEST(Keys, AreAddedToAListWhoseLastLineHasNoEnd) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  ASSERT_TRUE(make_keys(keys, {"ingest"}));
  std::filesystem::resize_file(keys + "/peers", std::filesystem::file_size(keys + "/peers") - 1);
  ASSERT_TRUE(make_keys(keys, {"auth"}));
  const Result<Keys> loaded = load_keys(keys, "auth");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->peers.size(), 2u);
}

TEST(Keys, AreTheirOwnersAloneWhateverTheUmaskAndTheWayTheyAreNamed) {
  const BusDirectory directory;
  const mode_t before = ::umask(0002);
  for (const char* name : {"/a", "/b/", "/c//", "/d/.", "/e/f/"}) {
    const std::string keys = directory.path() + name;
    EXPECT_TRUE(make_keys(keys, {"ingest"})) << name;
    const Result<Keys> loaded = load_keys(keys, "ingest");
    EXPECT_TRUE(loaded) << name << ": " << (loaded ? "" : loaded.error().message);
  }
  ::umask(before);
}

TEST(Keys, AreMadeWhereAnEmptyFileIs) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  ASSERT_TRUE(make_keys(keys, {"auth"}));
  std::ofstream(keys + "/ingest.secret") << "";
  std::ofstream(keys + "/ingest.secret.new") << "half of";  // of a tool that was killed
  ASSERT_EQ(::chmod((keys + "/ingest.secret").c_str(), 0600), 0);
  EXPECT_NE(load_keys(keys, "ingest").error().message.find("ingest.secret (BUS_KEYS) is empty"),
            std::string::npos);
  EXPECT_EQ(make_keys(keys, {"auth", "ingest"}).value(), std::vector<std::string>{"ingest"});
  EXPECT_TRUE(load_keys(keys, "ingest"));
  EXPECT_FALSE(std::filesystem::exists(keys + "/ingest.secret.new"));
}

TEST(PeerKeys, AreLinesOfANameAndAKey) {
  const std::string key = make_key_pair()->public_key;
  const std::string next = make_key_pair()->public_key;
  const auto keys = parse_peer_keys("# ours\n\napi " + key + "\napi   " + next + "\n");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->size(), 2u) << "two keys at once, to replace one";
  const std::string line = "api " + key;
  const std::string two_names = line + "\nauth " + key;
  for (const std::string& text :
       std::vector<std::string>{"api", "api short", "API " + key, line + " more", two_names})
    EXPECT_EQ(parse_peer_keys(text).error().code, "bus.keys") << text;
  std::string many;
  for (std::size_t i = 0; i <= kMaxPeerKeys; ++i) many += "api " + key + "\n";
  EXPECT_FALSE(parse_peer_keys(many));
}

TEST(Rights, AreOfWhatAServiceHasToDo) {
  using Ask = v1::Request;
  for (const Way way : {Way::kDirectory, Way::kKey, Way::kPlainTcp}) {
    EXPECT_TRUE(may_ask(way, "ingest", Ask::kAuthorizePublish));
    EXPECT_TRUE(may_ask(way, "auth", Ask::kCloseStream));
    EXPECT_TRUE(may_ask(way, "packaging", Ask::kGetStream));
    EXPECT_EQ(may_ask(way, "api", Ask::kSetBanned), way != Way::kPlainTcp);
    EXPECT_EQ(may_ask(way, "operator", Ask::kMakeAdmin), way != Way::kPlainTcp);
    EXPECT_EQ(may_ask(way, "", Ask::kMakeAdmin), way == Way::kDirectory);
    for (const char* service : {"ingest", "packaging", "recording", "metrics", "api", "auth", "stranger"}) {
      EXPECT_FALSE(may_ask(way, service, Ask::kMakeAdmin)) << service;
      EXPECT_TRUE(may_ask(way, service, Ask::kGetSnapshot)) << service;
    }
  }
}

TEST(Rights, AreOfWhatAServiceHasToSay) {
  using Say = v1::Event;
  EXPECT_TRUE(may_say("ingest", Say::kStreamPublished));
  EXPECT_TRUE(may_say("packaging", Say::kViewerStatistics));
  EXPECT_TRUE(may_say("auth", Say::kWatchingFacts));
  for (const char* service : {"ingest", "packaging", "recording", "metrics", "api"}) {
    EXPECT_FALSE(may_say(service, Say::kWatchingFacts)) << service;
    EXPECT_FALSE(may_say(service, Say::kVisibilityChanged)) << service;
    EXPECT_TRUE(may_say(service, Say::kHeartbeat)) << service;
  }
  EXPECT_FALSE(may_say("recording", Say::kStreamEnded));
}

TEST(Keys, AreRefusedWhereOthersMayReplaceThem) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  ASSERT_TRUE(make_keys(keys, {"ingest"}));
  ASSERT_EQ(::chmod(keys.c_str(), 0777), 0);
  const Result<Keys> refused = load_keys(keys, "ingest");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("chmod 700"), std::string::npos) << refused.error().message;
  // As Kubernetes mounts secrets: others may add names, and touch none of ours.
  ASSERT_EQ(::chmod(keys.c_str(), 01777), 0);
  EXPECT_TRUE(load_keys(keys, "ingest"));
}

TEST(Keys, AreRefusedWhenTheListSaysThatTheyAreAnothers) {
  const BusDirectory directory;
  const std::string keys = directory.path() + "/keys";
  ASSERT_TRUE(make_keys(keys, {"ingest", "operator"}));
  std::filesystem::copy_file(keys + "/operator.secret", keys + "/ingest.secret",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(load_keys(keys, "ingest").error().message.find("does not list"), std::string::npos);
  std::ofstream(keys + "/peers") << "# nobody\n";
  EXPECT_NE(load_keys(keys, "operator").error().message.find("does not list"), std::string::npos);
}

}  // namespace
}  // namespace millrace::bus
