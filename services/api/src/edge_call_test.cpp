#include "edge_call.hpp"

#include <gtest/gtest.h>

#include "http/target.hpp"

namespace millrace::api {
namespace {

const Secret kSecret("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");

EdgeCall call_of(http::Method method, std::string_view path) {
  RouteMatch match = find_route(method, path);
  EdgeCall call;
  call.route = match.route;
  call.parameters = std::move(match.parameters);
  return call;
}

void expect_same(const EdgeCall& a, const EdgeCall& b) {
  EXPECT_EQ(a.route, b.route);
  EXPECT_EQ(a.body_bytes, b.body_bytes);
  EXPECT_EQ(a.peer_address, b.peer_address);
  EXPECT_EQ(a.content_type, b.content_type);
  EXPECT_EQ(a.authorization, b.authorization);
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.query, b.query);
}

TEST(EdgeCall, ComesThroughAsItWas) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  EdgeCall full = call_of(http::Method::kDelete, "/api/stream/viewers/a b,&=%/c");
  full.body_bytes = 65'536;
  full.peer_address = "2001:db8::1";
  full.content_type = "application/json; charset=utf-8";
  full.authorization = "Bearer a.b-c_d, \"x\"\r\nX-Millrace-Call: y";
  full.query = {{"", ""}, {"a", ""}, {"", "b"}, {every_byte, every_byte}, {"a", "again"}};
  ASSERT_EQ(full.parameters.size(), 2U);
  for (const EdgeCall& call : {full, call_of(http::Method::kGet, "/api/vod/list")}) {
    const std::string field = write_call(call, kSecret);
    for (const char c : field) EXPECT_TRUE(c > ' ' && c < 127) << "may stand in a header field";
    const auto read = read_call(field, kSecret);
    ASSERT_TRUE(read.has_value());
    expect_same(*read, call);
  }
  for (const Route& route : routes()) {
    EdgeCall call;
    call.route = &route;
    EXPECT_EQ(read_call(write_call(call, kSecret), kSecret)->route, &route) << route.path;
  }
}

TEST(EdgeCall, IsWholeAndOfTheEdgeOrNothing) {
  EdgeCall call = call_of(http::Method::kGet, "/api/stream/status/alice-id");
  call.query = {{"a", "b"}};
  const std::string field = write_call(call, kSecret);
  const std::string rest = field.substr(field.find(','));
  // Cut within the last part it may be a shorter query: the secret comes first, so nobody else can cut it.
  for (std::size_t size = 0; size < field.rfind(','); ++size)
    EXPECT_FALSE(read_call(field.substr(0, size), kSecret)) << size;
  const std::string wrong[] = {
      "",
      ",",
      ",,,,,,,",
      rest,
      "wrong" + rest,
      kSecret.reveal() + "0" + rest,
      kSecret.reveal().substr(1) + rest,
      std::string(100'000, '0') + rest,
      field + ",",
      "," + field,
      kSecret.reveal() + ",-1,0,,,,,",
      kSecret.reveal() + ",,0,,,,,",
      kSecret.reveal() + ",0x1,0,,,,,",
      kSecret.reveal() + "," + std::to_string(routes().size()) + ",0,,,,,",
      kSecret.reveal() + ",99999999999999999999999,0,,,,,",
      kSecret.reveal() + ",0,,,,,,",
      kSecret.reveal() + ",0,0,%,,,,",
      kSecret.reveal() + ",0,0,,%zz,,,",
      kSecret.reveal() + ",0,0,,,%0,,",
      kSecret.reveal() + ",0,0,,,,name,",
      kSecret.reveal() + ",0,0,,,,,a=b&c",
      kSecret.reveal() + ",0,0,,,,,a=%",
  };
  for (const std::string& text : wrong) EXPECT_FALSE(read_call(text, kSecret)) << text.substr(0, 120);
  EXPECT_TRUE(read_call(kSecret.reveal() + ",0,0,,,,,", kSecret));
  EXPECT_FALSE(read_call(field, Secret("other")));
}

// The worst that the edge takes: everything as long as may be and every byte encoded.
TEST(EdgeCall, FitsWhatTheApplicationTakes) {
  EdgeCall call = call_of(http::Method::kPost, "/api/stream/settings/" + std::string(kMaxTarget - 200, ' '));
  ASSERT_NE(call.route, nullptr);
  for (std::size_t i = 0; i < http::kMaxQueryParameters; ++i) call.query.emplace_back("\"", "");
  call.peer_address = std::string(kMaxPeer, ':');
  call.content_type = std::string(kMaxType, '"');
  call.authorization = std::string(kMaxAuthorization, '"');
  call.body_bytes = http::Limits{}.body_bytes;
  EXPECT_LE(write_call(call, kSecret).size(), kMaxCallField);
  const http::UpstreamRequest request =
      upstream_request(call, kSecret, std::string(http::Limits{}.body_bytes, 'x'));
  EXPECT_EQ(request.body.size(), http::Limits{}.body_bytes);
  EXPECT_EQ(request.target, "/call");
  EXPECT_LT(request.headers.at(0).second.size() + request.body.size() + 1024, kMaxPassed);
}

TEST(EdgeCall, HasABodyWhereTheMethodHasOne) {
  for (const Route& route : routes()) {
    EdgeCall call;
    call.route = &route;
    const http::UpstreamRequest request = upstream_request(call, kSecret, "body");
    const bool with_body = route.method != http::Method::kGet && route.method != http::Method::kDelete;
    EXPECT_EQ(request.body, with_body ? "body" : "") << route.path;
    EXPECT_EQ(read_call(request.headers.find(kCallField), kSecret)->body_bytes, request.body.size());
  }
}

}  // namespace
}  // namespace millrace::api
