#include "base/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace millrace {
namespace {

struct Sample {
  std::uint16_t port = 0;
  std::uint64_t size = 0;
  std::chrono::milliseconds grace{};
  bool flag = false;
  std::string mode;
  Secret secret;
};

ConfigTable table_for(Sample& sample) {
  ConfigTable table;
  table.integer("PORT", sample.port, "1935", {0, 65535}, "port");
  table.bytes("SIZE", sample.size, "512M", {1, 1LL << 40}, "size");
  table.duration("GRACE_MS", sample.grace, "1500", {0, 60'000}, "grace");
  table.boolean("FLAG", sample.flag, "true", "flag");
  table.choice("MODE", sample.mode, "a", {"a", "b"}, "mode");
  table.secret("SECRET", sample.secret, "secret");
  return table;
}

Environment from(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(ConfigTable, TakesDefaultsWhereNothingIsSet) {
  Sample sample;
  ASSERT_TRUE(table_for(sample).load(from({})));
  EXPECT_EQ(sample.port, 1935);
  EXPECT_EQ(sample.size, 512ULL << 20);
  EXPECT_EQ(sample.grace, std::chrono::milliseconds(1500));
  EXPECT_TRUE(sample.flag);
  EXPECT_EQ(sample.mode, "a");
}

TEST(ConfigTable, NamesTheVariableAndChangesNothingOnABadValue) {
  const std::pair<const char*, const char*> bad[] = {{"PORT", "65536"},       {"PORT", "-1"}, {"PORT", "19x"},
                                                     {"SIZE", "9999999999G"}, {"SIZE", "M"},  {"FLAG", "1"},
                                                     {"GRACE_MS", "1s"},      {"MODE", "c"}};
  for (const auto& [name, value] : bad) {
    Sample sample;
    sample.port = 7;
    const Result<void> loaded = table_for(sample).load(from({{name, value}}));
    ASSERT_FALSE(loaded) << name << "=" << value;
    EXPECT_NE(loaded.error().message.find(name), std::string::npos);
    EXPECT_NE(loaded.error().message.find(value), std::string::npos);
    EXPECT_EQ(sample.port, 7);
  }
}

TEST(ConfigTable, TakesYesAndNoForTrueAndFalse) {
  for (const auto& [text, value] : std::map<std::string, bool>{
           {"YES", true}, {"True", true}, {"yes", true}, {"NO", false}, {"FALSE", false}, {"no", false}}) {
    Sample sample;
    sample.flag = !value;
    ASSERT_TRUE(table_for(sample).load(from({{"FLAG", text}}))) << text;
    EXPECT_EQ(sample.flag, value) << text;
  }
}

TEST(ConfigTable, NeverShowsASecret) {
  Sample sample;
  ASSERT_TRUE(table_for(sample).load(from({{"SECRET", "hunter2"}})));
  EXPECT_EQ(sample.secret.reveal(), "hunter2");
  EXPECT_EQ(table_for(sample).markdown().find("hunter2"), std::string::npos);
}

TEST(ConfigTable, ReadsASecretFromTheFileThatIsNamed) {
  std::string path = "/tmp/millrace-secret-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  const auto load = [&path](const std::string& content, std::map<std::string, std::string> more = {}) {
    std::ofstream(path, std::ios::trunc | std::ios::binary) << content;
    more.emplace("SECRET_FILE", path);
    Sample sample;
    const Result<void> loaded = table_for(sample).load(from(std::move(more)));
    return loaded ? sample.secret.reveal() : "refused: " + loaded.error().message;
  };
  EXPECT_EQ(load("hunter2"), "hunter2");
  EXPECT_EQ(load("hunter 2 \r\n\n"), "hunter 2 ");
  EXPECT_EQ(load(std::string(65536, 'a')), std::string(65536, 'a'));
  EXPECT_EQ(load(std::string(65537, 'a')), "refused: SECRET_FILE: " + path + ": holds more than 64 KiB");
  EXPECT_EQ(load("\n"), "refused: SECRET_FILE: " + path + " is empty");
  EXPECT_EQ(load(std::string("a\0b", 3)), "refused: SECRET_FILE: " + path + " is not a text");
  EXPECT_EQ(load("hunter2", {{"SECRET", "hunter2"}}),
            "refused: SECRET_FILE: SECRET is set as well: one of them must go");
  EXPECT_EQ(load("", {{"SECRET_FILE", "/nowhere/x"}}),
            "refused: SECRET_FILE: /nowhere/x: No such file or directory");
  EXPECT_EQ(load("", {{"SECRET_FILE", "/"}}), "refused: SECRET_FILE: /: not a regular file");
  // Only secrets have files.
  Sample sample;
  EXPECT_TRUE(table_for(sample).load(from({{"PORT_FILE", "/nowhere/x"}})));
  std::filesystem::remove(path);
}

TEST(ConfigTable, NamesTheVariableOfAValueOfAnotherKind) {
  std::vector<int> field;
  ConfigTable table;
  table.parsed<std::vector<int>>("PAIR", field, "pair", "1,2", "two numbers",
                                 [](const std::string& value) -> Result<std::vector<int>> {
                                   if (value.size() != 3 || value[1] != ',')
                                     return fail("x", "'" + value + "' is no pair");
                                   return std::vector<int>{value[0] - '0', value[2] - '0'};
                                 });
  ASSERT_TRUE(table.load(from({})));
  EXPECT_EQ(field, (std::vector<int>{1, 2}));
  const auto bad = table.load(from({{"PAIR", "7"}}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "config.invalid");
  EXPECT_EQ(bad.error().message, "PAIR: '7' is no pair");
  EXPECT_NE(table.markdown().find("| `PAIR` | pair | `1,2` | two numbers |"), std::string::npos);
}

}  // namespace
}  // namespace millrace
