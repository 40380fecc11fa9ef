#include "mail/mailer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>

namespace millrace::mail {
namespace {

TEST(Mailer, NeverWaitsForAuthoritiesThatAreNoRegularFile) {
  std::string directory = "/tmp/millrace-mail-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/authorities.pem";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::promise<std::string> reason;
  std::future<std::string> first = reason.get_future();
  {
    bool reported = false;
    MailerSettings settings;
    settings.server = "127.0.0.1";
    settings.port = 1;
    settings.ca_file = path;
    settings.from = "stage@example.org";
    Mailer mailer(settings, [&](Mailer::Outcome, const std::string& text) {
      if (!std::exchange(reported, true)) reason.set_value(text);
    });
    mailer.send({.to = "somebody@example.org", .subject = "hello", .text = "hello"});
    ASSERT_EQ(first.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }
  EXPECT_EQ(first.get(), "no authorities in " + path + ": not a regular file");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace::mail
