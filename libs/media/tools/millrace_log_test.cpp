// Runs the program against an arena.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using nlohmann::json;
using testing::append;
using testing::describe;

class MillraceLog : public testing::ArenaFixture {
 protected:
  void SetUp() override {
    open_writer();
    log_ = create(describe("cam", 0xAB));
    ASSERT_TRUE(log_->add_configuration({}, {}, Bytes(9)));
    fill_blocks(*log_, 0xAB, 2);
  }
  // The program's output; its exit code in code_.
  std::string run(const std::string& arguments) {
    return run_with("", arguments + " --dir " + directory_.path());
  }
  // With these variables, and no others of ours.
  std::string run_with(const std::string& variables, const std::string& arguments) {
    const std::string command = "env -u MEDIA_LOG_DIR -u MILLRACE_HOME " + variables + " " +
                                std::string(MILLRACE_LOG) + " " + arguments + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> part{};
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
      output.append(part.data(), size);
    code_ = WEXITSTATUS(::pclose(pipe));
    return output;
  }
  std::vector<json> run_json(const std::string& arguments) {
    std::istringstream lines(run(arguments + " --json"));
    std::vector<json> objects;
    for (std::string line; std::getline(lines, line);) objects.push_back(json::parse(line));
    return objects;
  }
  std::unique_ptr<LogWriter> log_;
  int code_ = 0;
};

TEST_F(MillraceLog, ListsLogsAndReaders) {
  auto reader = open_reader();
  auto cursor = reader->open_log(log_->slot(), PublicationId{0xAB}, 3);
  const auto lines = run_json("list");
  EXPECT_EQ(code_, 0);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["stream"], "cam");
  EXPECT_EQ(lines[0]["state"], "live");
  EXPECT_EQ(lines[0]["committed"], 8);
  EXPECT_EQ(lines[1]["reader"], "unit-test");
  EXPECT_EQ(lines[1]["needs_from"], 3);
}

TEST_F(MillraceLog, DumpsRecords) {
  const auto lines = run_json("dump cam --from 2 --count 3");
  EXPECT_EQ(code_, 0);
  ASSERT_EQ(lines.size(), 5U) << "the log, its configuration, three records";
  EXPECT_EQ(lines[1]["configuration"], 0);
  EXPECT_EQ(lines[2]["sequence"], 2);
  EXPECT_EQ(lines[2]["size"], 1008);
  EXPECT_EQ(run_json("dump 00000000000000ab --count 0").size(), 2U) << "by publication";
}

TEST_F(MillraceLog, TellsASourceFromARenditionBesideItInAnotherArena) {
  ArenaConfig config = config_;
  config.name = "ladder";
  const auto arena = ArenaWriter::open(config);
  ASSERT_TRUE(arena);
  LogDescription description = describe("cam", 0xCD);
  description.role = LogRole::kRendition;
  description.rendition = "360p";
  description.origin_publication_id = PublicationId{0xAB};
  const auto rendition = (*arena)->create_log(description);
  ASSERT_TRUE(rendition);
  ASSERT_TRUE(append(**rendition, 0xCD, 10));
  const auto lines = run_json("list");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["arena"], "ladder");
  EXPECT_EQ(lines[0]["role"], "rendition");
  EXPECT_EQ(lines[0]["rendition"], "360p");
  EXPECT_EQ(lines[0]["origin"], "00000000000000ab");
  EXPECT_EQ(lines[1]["role"], "source");
  EXPECT_EQ(run_json("dump cam --count 0")[0]["publication"], "00000000000000ab");
  EXPECT_EQ(run_json("dump 00000000000000cd --count 0")[0]["rendition"], "360p");
  EXPECT_EQ(run_json("list --arena test").size(), 1U);
}

TEST_F(MillraceLog, VerifiesAndSaysWhatIsWrong) {
  run("verify");
  EXPECT_EQ(code_, 0);
  ASSERT_TRUE(append(*log_, 0xAB, 10));  // its decode time is 0 again
  const auto lines = run_json("verify cam");
  EXPECT_EQ(code_, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["records"], 9);
  EXPECT_EQ(lines[0]["problems"].size(), 1U);
}

TEST_F(MillraceLog, FollowsToTheEnd) {
  log_->end(LogEnd::kUnpublished);
  const auto lines = run_json("follow cam --from 1");
  EXPECT_EQ(code_, 0);
  ASSERT_EQ(lines.size(), 2U + 7U + 1U);
  EXPECT_EQ(lines.back()["state"], "unpublished");
}

TEST_F(MillraceLog, SaysHowItIsUsed) {
  EXPECT_THAT(run("unheard-of"), ::testing::HasSubstr("millrace-log list"));
  EXPECT_EQ(code_, 64);
  run("dump nobody");
  EXPECT_EQ(code_, 1);
  for (const char* wrong : {"dump cam --count x", "dump cam --from 1x", "dump cam --count -1",
                            "dump cam --count", "dump cam --from ''", "list --unheard-of", "list -x"}) {
    EXPECT_THAT(run(wrong), ::testing::HasSubstr("millrace-log list")) << wrong;
    EXPECT_EQ(code_, 64) << wrong;
  }
  EXPECT_THAT(run("--help"), ::testing::HasSubstr("millrace-log list"));
  EXPECT_EQ(code_, 0);
}

TEST_F(MillraceLog, FindsTheLogOfTheStackThatRuns) {
  const std::string home = directory_.path() + "/home";
  std::filesystem::create_directories(home + "/run");
  const std::string variable = "MILLRACE_HOME=" + home;
  const std::string none = run_with(variable, "list");
  EXPECT_EQ(code_, 64);
  EXPECT_THAT(none, ::testing::HasSubstr("nothing runs in MILLRACE_HOME=" + home));
  EXPECT_THAT(none, ::testing::HasSubstr("--dir or MEDIA_LOG_DIR"));
  std::ofstream(home + "/run/media_log_directory") << directory_.path() << '\n';
  EXPECT_THAT(run_with(variable, "list"), ::testing::HasSubstr("cam"));
  EXPECT_EQ(code_, 0);
  EXPECT_THAT(run_with("MEDIA_LOG_DIR=" + directory_.path(), "list"), ::testing::HasSubstr("cam"));
  std::ofstream(home + "/run/media_log_directory") << home << "/gone\n";
  run_with(variable, "list");
  EXPECT_EQ(code_, 64) << "a stack that was stopped";
}

}  // namespace
}  // namespace millrace::media
