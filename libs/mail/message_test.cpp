#include "mail/message.hpp"

#include <gtest/gtest.h>

#include "mail/outbox.hpp"

namespace millrace::mail {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Origin origin() {
  return {.from = "stage@example.org", .wall = WallTime::from_seconds(1'764'050'400), .unique = "0123abcd"};
}

TEST(MailAddress, TakesPlainAddressesOnly) {
  const std::pair<std::string, bool> cases[] = {
      {"a@example.com", true},
      {"a.b+tag@mail.example.com", true},
      {"o'neil@localhost", true},
      {std::string(64, 'a') + "@example.com", true},
      {"", false},
      {"a", false},
      {"@example.com", false},
      {"a@", false},
      {"a@b@c", false},
      {".a@example.com", false},
      {"a..b@example.com", false},
      {"a@example..com", false},
      {"a@-example.com", false},
      {"a@example.com.", false},
      {"a b@example.com", false},
      {"a@example.com\r\nBcc: b@example.com", false},
      {"a\n@example.com", false},
      {"<a@example.com>", false},
      {"a@example.com,b@example.com", false},
      {"\"a b\"@example.com", false},
      {"a@[127.0.0.1]", false},
      {"ä@example.com", false},
      {"a@exämple.com", false},
      {std::string("a\0@example.com", 14), false},
      {std::string(65, 'a') + "@example.com", false},
      {"a@" + std::string(64, 'b') + ".com", false},
      {"a@" + std::string(260, 'b'), false},
  };
  for (const auto& [address, good] : cases) EXPECT_EQ(is_address(address), good) << address;
}

TEST(MailFormat, WritesAMessageThatAnybodyCanRead) {
  const Result<std::string> text =
      format({.to = "a@example.com", .subject = "Hello", .text = "Good day,\n\nyour link.\n"}, origin());
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "Date: Tue, 25 Nov 2025 06:00:00 +0000\r\n"
            "From: stage@example.org\r\n"
            "To: a@example.com\r\n"
            "Subject: Hello\r\n"
            "Message-ID: <0123abcd@example.org>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            "R29vZCBkYXksDQoNCnlvdXIgbGluay4NCg==\r\n");
}

TEST(MailFormat, EncodesWhatIsNotAsciiAndKeepsLinesShort) {
  const std::string name = "Ünïcödé — a name that goes on and on and on and on and on, and a bit further";
  const Result<std::string> text =
      format({.to = "a@example.com", .subject = name, .text = std::string(1000, 'x')}, origin());
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("Subject: =?UTF-8?B?"), std::string::npos);
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - at, 90U) << text->substr(at, end - at);
    at = end + 2;
  }
}

TEST(MailFormat, NothingEndsAHeader) {
  const Message good{.to = "a@example.com", .subject = "Hello", .text = "Text"};
  const auto with = [&](auto&& change) {
    Message message = good;
    change(message);
    return format(message, origin());
  };
  ASSERT_TRUE(with([](Message&) {}));
  for (const char* end : {"\r\n", "\n", "\r", "\x7F"}) {
    const std::string injected = std::string("x") + end + "Bcc: b@example.com";
    EXPECT_FALSE(with([&](Message& m) { m.to = "a@example.com" + injected; }));
    EXPECT_FALSE(with([&](Message& m) { m.subject = injected; }));
  }
  EXPECT_FALSE(with([](Message& m) { m.text = std::string("a\0b", 3); }));
  EXPECT_FALSE(with([](Message& m) { m.text = std::string(kMaxText + 1, 'x'); }));
  EXPECT_FALSE(with([](Message& m) { m.subject = std::string(kMaxSubject + 1, 'x'); }));
  Origin bad = origin();
  bad.from = "x@example.org\r\nBcc: b@example.com";
  EXPECT_FALSE(format(good, bad));
  bad = origin();
  bad.unique = "a>\r\n";
  EXPECT_FALSE(format(good, bad));
}

TEST(Outbox, TriesAgainLaterAndLaterAndGivesUp) {
  Outbox box({.waiting = 2, .tries = 3, .first_retry_us = 5 * kSecond, .deadline_us = 3600 * kSecond});
  ASSERT_TRUE(box.add({.to = "a", .subject = {}, .text = {}}, 0));
  ASSERT_TRUE(box.add({.to = "b", .subject = {}, .text = {}}, 1));
  EXPECT_FALSE(box.add({.to = "c", .subject = {}, .text = {}}, 2)) << "full";
  auto first = box.take(2);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->message.to, "a");
  ASSERT_TRUE(box.retry(*first, 10 * kSecond));
  auto second = box.take(10 * kSecond);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->message.to, "b") << "the others do not wait for it";
  EXPECT_FALSE(box.take(14 * kSecond)) << "not due yet";
  EXPECT_EQ(box.next_due_us(), 15 * kSecond);
  first = box.take(15 * kSecond);
  ASSERT_TRUE(first);
  ASSERT_TRUE(box.retry(*first, 15 * kSecond));
  EXPECT_EQ(box.next_due_us(), 35 * kSecond);
  first = box.take(35 * kSecond);
  ASSERT_TRUE(first);
  EXPECT_FALSE(box.retry(*first, 35 * kSecond)) << "the third failure";
  EXPECT_EQ(box.size(), 0U);
}

TEST(Outbox, GivesUpAtTheDeadline) {
  Outbox box({.waiting = 2, .tries = 100, .first_retry_us = 60 * kSecond, .deadline_us = 100 * kSecond});
  ASSERT_TRUE(box.add({.to = "a", .subject = {}, .text = {}}, 0));
  auto entry = box.take(0);
  ASSERT_TRUE(box.retry(*entry, 1));
  entry = box.take(61 * kSecond);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(box.retry(*entry, 61 * kSecond));
}

}  // namespace
}  // namespace millrace::mail
