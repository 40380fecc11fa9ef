#include "options.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace millrace::transcoding {
namespace {

Result<Options> parse(std::vector<std::string> words,
                      const std::map<std::string, std::string>& variables = {}) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  return parse_options(arguments, environment, 4);
}

TEST(Options, HaveDefaults) {
  const Options options = parse({"--stream", "cam", "--dir", "/dev/shm/log"}).value();
  EXPECT_EQ(options.transcoder.stream_id, "cam");
  EXPECT_EQ(options.transcoder.directory, "/dev/shm/log");
  EXPECT_EQ(options.encoder, "auto");
  EXPECT_EQ(options.preset, "veryfast");
  EXPECT_EQ(options.ladder, "default");
  EXPECT_EQ(options.transcoder.line.limits.cpus, 4U);
  EXPECT_FALSE(options.transcoder.publication);
}

TEST(Options, ComeFromTheEnvironmentAndBeforeItFromTheCommandLine) {
  const std::map<std::string, std::string> variables = {{"MEDIA_LOG_DIR", "/log"},
                                                        {"RTMP_ENCODER", "x265"},
                                                        {"RTMP_PRESET", "fast"},
                                                        {"TRANSCODE_LADDER", "twitch"}};
  const Options options = parse({"--stream", "cam", "--preset", "slow"}, variables).value();
  EXPECT_EQ(options.transcoder.directory, "/log");
  EXPECT_EQ(options.encoder, "x265");
  EXPECT_EQ(options.preset, "slow");
  EXPECT_EQ(options.ladder, "twitch");
}

TEST(Options, AreNumbersWithinTheirRange) {
  const Options options =
      parse({"--stream", "cam", "--dir", "/log", "--publication", "64cb95d64a775f02", "--max-height", "720",
             "--max-kbps", "4000", "--keep-seconds", "30", "--nice", "0", "--status"})
          .value();
  EXPECT_EQ(options.transcoder.publication, PublicationId{0x64cb95d64a775f02});
  EXPECT_EQ(options.transcoder.line.limits.max_height, 720U);
  EXPECT_EQ(options.transcoder.line.limits.max_kbps, 4000U);
  EXPECT_EQ(options.transcoder.line.keep_us, 30'000'000);
  EXPECT_EQ(options.nice, 0);
  EXPECT_TRUE(options.status);
}

TEST(Options, AreRefused) {
  const std::vector<std::string> whole = {"--stream", "cam", "--dir", "/log"};
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--unknown"},
                                             {"word"},
                                             {"--preset"},
                                             {"--nice", "20"},
                                             {"--nice", "-1"},
                                             {"--max-kbps", "0"},
                                             {"--publication", "xyz"},
                                             {"--publication", "0"},
                                             {"--publication", "64cb95d64a775f02ff"},
                                             {"--stream", "a/b"}}) {
    std::vector<std::string> words = whole;
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(parse(words).error().code, "transcoding.usage") << more.front();
  }
  EXPECT_FALSE(parse({"--dir", "/log"}));
  EXPECT_FALSE(parse({"--stream", "cam"}));
  EXPECT_TRUE(parse({"--try"}));
}

}  // namespace
}  // namespace millrace::transcoding
