// The real program with no room for files: a limit on their size stands for a full disk, and is lifted again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "http/test_client.hpp"
#include "program.hpp"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

class FullDisk : public test::ProgramTest {
 protected:
  // From the ports file; 0 until it is there.
  std::uint16_t ops_port() const {
    constexpr std::string_view kName = "RECORDING_OPS_PORT=";
    const Bytes file = test::read_file(home_ + "/run/recording.ports");
    const std::string_view text = as_text(file);
    const std::size_t at = text.find(kName);
    return at == std::string_view::npos
               ? 0
               : static_cast<std::uint16_t>(std::stoul(std::string(text.substr(at + kName.size()))));
  }
  std::string get(const std::string& path) const {
    http::testing::TestClient client(ops_port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client.read_answer();
  }
  bool health_is(const std::string& state) const {
    return ops_port() != 0 && get("/readyz").find("],\"state\":\"" + state + "\"}") != std::string::npos;
  }
  // Bytes that a file of the program may have.
  static void limit(const test::Program& program, rlim_t bytes) {
    const rlimit value{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(program.pid(), RLIMIT_FSIZE, &value, nullptr), 0);
  }
};

TEST_F(FullDisk, IsReportedAndCostsNothingWhenThereIsRoomAgain) {
  test::Publisher publisher(*arena_, 31);
  publisher.turns(60);
  test::Program program(home_, log_directory_);
  ASSERT_TRUE(test::wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
  ASSERT_TRUE(test::wait_until([&] { return health_is("ready"); }, 60s)) << get("/readyz");
  limit(program, 8'000);
  publisher.turns(200);
  EXPECT_TRUE(test::wait_until([&] { return health_is("degraded"); }, 60s)) << get("/readyz");
  EXPECT_NE(get("/readyz").find("recording.disk_full: s1"), std::string::npos);
  EXPECT_NE(get("/metrics").find("millrace_recording_failures_total{code=\"recording.disk_full\"}"),
            std::string::npos);
  publisher.turns(200);
  limit(program, RLIM_INFINITY);
  EXPECT_TRUE(test::wait_until([&] { return health_is("ready"); }, 60s)) << get("/readyz");
  publisher.log().end(media::LogEnd::kUnpublished);
  ASSERT_TRUE(test::wait_until(
      [&] { return nothing_unfinished() && !test::files(directory_, FileState::kFinished).empty(); }, 60s));
  test::expect_whole(directory_, 31, publisher.log().committed());
}

TEST_F(FullDisk, KeepsThePartUntilItCanBeFinished) {
  test::Publisher publisher(*arena_, 32);
  publisher.turns(300);
  test::Program program(home_, log_directory_);
  ASSERT_TRUE(test::wait_until([&] { return !test::files(directory_, FileState::kPart).empty(); }, 60s));
  ASSERT_TRUE(test::wait_until([&] { return health_is("ready"); }, 60s));
  limit(program, 8'000);
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(test::wait_until([&] { return health_is("degraded"); }, 60s)) << get("/readyz");
  EXPECT_EQ(test::files(directory_, FileState::kPart).size(), 1U);
  EXPECT_TRUE(test::files(directory_, FileState::kFinished).empty());
  limit(program, RLIM_INFINITY);
  EXPECT_TRUE(test::wait_until([&] { return health_is("ready") && nothing_unfinished(); }, 60s));
  test::expect_whole(directory_, 32, publisher.log().committed());
}

}  // namespace
}  // namespace millrace::recording
