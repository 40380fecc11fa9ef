#include "playback/playback_token.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "base/base64url.hpp"

namespace millrace::playback {
namespace {

const Secret kSecret("0123456789abcdef0123456789abcdef");
const Secret kOther("fedcba9876543210fedcba9876543210");
constexpr std::string_view kPeer = "192.0.2.7";

Claims plain() {
  return {.stream_id = "cam1", .expires_s = 2000, .network = {}, .viewer = {}};
}
Claims full() {
  return {.stream_id = std::string(128, 'z'),
          .expires_s = 0xFFFF'FFFF,
          .network = Network::parse("2001:db8::/32"),
          .viewer = Viewer{0x0102'0304'0506'0708, 0xFFFF'FFFF'FFFF'FFFF}};
}
TokenKeys keys() {
  return TokenKeys::create(kSecret).value();
}

TEST(PlaybackToken, SaysWhatWasSigned) {
  for (const Claims& claims : {plain(), full()}) {
    const std::string token = keys().sign(claims);
    EXPECT_LE(token.size(), kMaxTokenLength);
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    EXPECT_EQ(keys().verify(token), claims);
  }
}

// version, key id, expires, flags, length and id; the form is a promise to tokens that are out there.
TEST(PlaybackToken, HasTheDocumentedForm) {
  Claims claims = plain();
  claims.network = Network::parse("10.1.2.3/8");
  claims.viewer = Viewer{1, 2};
  EXPECT_EQ(hex(serialize_claims(0xAB, claims)),
            "01ab000007d0030463616d31"
            "6800000000000000000000ffff0a000000"
            "00000000000000010000000000000002");
}

TEST(PlaybackToken, IsGoodForNothingWhenAnyByteDiffers) {
  const std::string token = keys().sign(full());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(keys().verify(changed)) << i;
    EXPECT_FALSE(keys().verify(token.substr(0, i))) << i;
  }
  for (const std::string& foreign :
       {token + "A", token + "=", " " + token, std::string(5000, 'A'), std::string("a.b.c")})
    EXPECT_FALSE(keys().verify(foreign));
}

TEST(PlaybackToken, RefusesEveryTruncationOfItsClaims) {
  for (const Claims& claims : {plain(), full()}) {
    const Bytes bytes = serialize_claims(1, claims);
    ASSERT_TRUE(parse_claims(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(parse_claims(ByteView(bytes).first(size))) << size;
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(parse_claims(longer));
  }
}

TEST(PlaybackToken, IsNoGoodUnderAnotherSecret) {
  const TokenKeys other = TokenKeys::create(kOther).value();
  EXPECT_FALSE(other.verify(keys().sign(plain())));
  // The one before is still taken, but not signed with.
  const TokenKeys rotated = TokenKeys::create(kOther, kSecret).value();
  EXPECT_EQ(rotated.verify(keys().sign(plain())), plain());
  EXPECT_EQ(other.verify(rotated.sign(plain())), plain());
  const TokenKeys none = TokenKeys::create(Secret()).value();
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.verify(keys().sign(plain())));
  EXPECT_EQ(TokenKeys::create(Secret("short")).error().code, "playback.weak_secret");
  EXPECT_FALSE(TokenKeys::create(Secret(), kSecret));
}

TEST(PlaybackToken, IsWorthItsStreamItsTimeAndItsNetwork) {
  Claims bound = plain();
  bound.network = Network::parse("192.0.2.0/24");
  const struct {
    std::optional<Claims> claims;
    std::string_view stream, peer;
    std::int64_t now, grace;
    Verdict verdict;
  } table[] = {
      {std::nullopt, "cam1", kPeer, 0, 0, Verdict::kNoToken},
      {plain(), "cam1", kPeer, 1999, 0, Verdict::kGood},
      {plain(), "cam1", kPeer, 2000, 0, Verdict::kExpired},
      {plain(), "cam1", kPeer, 2029, 30, Verdict::kGood},
      {plain(), "cam1", kPeer, 2030, 30, Verdict::kExpired},
      {plain(), "cam2", kPeer, 1000, 0, Verdict::kOtherStream},
      {plain(), "cam", kPeer, 1000, 0, Verdict::kOtherStream},
      {bound, "cam1", kPeer, 1000, 0, Verdict::kGood},
      {bound, "cam1", "::ffff:192.0.2.9", 1000, 0, Verdict::kGood},
      {bound, "cam1", "192.0.3.7", 1000, 0, Verdict::kWrongAddress},
      {bound, "cam1", "2001:db8::1", 1000, 0, Verdict::kWrongAddress},
      {bound, "cam1", "", 1000, 0, Verdict::kWrongAddress},
  };
  for (const auto& row : table)
    EXPECT_EQ(judge(row.claims, row.stream, row.peer, WallTime::from_seconds(row.now), row.grace),
              row.verdict)
        << row.now << row.peer;
}

TEST(PlaybackToken, ReadsNetworks) {
  for (const char* text : {"192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "2001:db8::/32", "::/0"})
    EXPECT_TRUE(Network::parse(text)) << text;
  for (const char* text :
       {"", "/", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129", "::/4294967300", "host", "1.2.3.4/8/8"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

// What every object of a private stream costs beside a public one; printed, not judged.
TEST(PlaybackToken, TellsWhatACheckCosts) {
  const TokenKeys both = keys();
  const std::string token = both.sign({.stream_id = "abcdefghijkl",
                                       .expires_s = 2000,
                                       .network = Network::parse("192.0.2.0/24"),
                                       .viewer = Viewer{1, 2}});
  constexpr int kRounds = 20'000;
  int good = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i)
    good += judge(both.verify(token), "abcdefghijkl", kPeer, WallTime::from_seconds(1000)) == Verdict::kGood
                ? 1
                : 0;
  const auto took =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin);
  EXPECT_EQ(good, kRounds);
  RecordProperty("ns_per_check", static_cast<int>(took.count() / kRounds));
  std::printf("[ MEASURED ] %lld ns a check\n", static_cast<long long>(took.count() / kRounds));
}

}  // namespace
}  // namespace millrace::playback
