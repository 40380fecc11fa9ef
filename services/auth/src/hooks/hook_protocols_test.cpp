// What is sent to callbacks and hooks, byte for byte where others read it, and how their answers are taken.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64url.hpp"
#include "crypto.hpp"
#include "hooks/callback_protocol.hpp"
#include "hooks/nginx_protocol.hpp"
#include "hooks/srs_protocol.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {
namespace {

using Json = nlohmann::json;
constexpr WallTime kNow = WallTime::from_seconds(1'800'000'000);

AccessRequest request() {
  return {.id = 0x0123456789abcdef,
          .stream_id = "chan",
          .session_id = "session-7",
          .app = "chan",
          .name = "k&y",
          .query = "token=a%26b&name=victim&x",
          .client_ip = "192.0.2.7",
          .tc_url = "rtmp://live.example.org:1936/chan",
          .flash_version = "FMLE/3.0"};
}

CallbackProtocol callback() {
  return CallbackProtocol({.url = "http://127.0.0.1/hook",
                           .secret = Secret("secret"),
                           .subject = "rtmp_event",
                           .rtmp_host = "edge",
                           .rtmp_port = 1936});
}

// Checks the signature as the other side would.
Json claims_of(const http::Call& call) {
  EXPECT_EQ(call.headers.at(0).first, "rtmp-event");
  const std::string& token = call.headers.at(0).second;
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  EXPECT_EQ(encode_base64url(hmac_sha256(as_bytes("secret"), as_bytes(token.substr(0, last)))),
            token.substr(last + 1));
  const Bytes header = decode_base64url(token.substr(0, first)).value();
  EXPECT_EQ(as_text(header), R"({"alg":"HS256","typ":"JWT"})");
  const Bytes claims = decode_base64url(token.substr(first + 1, last - first - 1)).value();
  return Json::parse(as_text(claims));
}

TEST(CallbackProtocol, StartTellsWhoAndWhereInASignedHeaderWithoutABody) {
  const http::Call call = callback().call(Occasion::kPublish, request(), kNow).value();
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.url, "http://127.0.0.1/hook");
  EXPECT_EQ(call.body, "");
  EXPECT_EQ(claims_of(call), Json::parse(R"({"sub":"rtmp_event","event":"start","channel":"chan","key":"k&y",
      "client_ip":"192.0.2.7","rtmp_host":"edge","rtmp_port":1936,"iat":1800000000,"exp":1800000120})"));
}

TEST(CallbackProtocol, StopNamesTheSessionToo) {
  const Json claims = claims_of(callback().call(Occasion::kUnpublish, request(), kNow).value());
  EXPECT_EQ(claims["event"], "stop");
  EXPECT_EQ(claims["stream_id"], "session-7");
  EXPECT_FALSE(callback().call(Occasion::kPlay, request(), kNow));
  EXPECT_FALSE(callback().call(Occasion::kStop, request(), kNow));
}

TEST(CallbackProtocol, ClaimsOfAnyBytesAreStillJson) {
  AccessRequest strange = request();
  strange.name = "\xff\"\n";
  EXPECT_TRUE(claims_of(callback().call(Occasion::kPublish, strange, kNow).value()).is_object());
}

TEST(CallbackProtocol, Only200AcceptsAndTheSessionMayBeMissing) {
  for (const int status : {100, 199, 201, 204, 301, 302, 400, 401, 403, 404, 500, 503, 0}) {
    EXPECT_FALSE(callback().verdict({.status = status}).accepted) << status;
  }
  EXPECT_TRUE(callback().verdict({.status = 200}).accepted);
  EXPECT_EQ(callback().verdict({.status = 200}).session_id, "");
  const http::CallAnswer named{.status = 200, .headers = {{"stream-id", "s1"}}};
  EXPECT_EQ(callback().verdict(named).session_id, "s1");
  const http::CallAnswer endless{.status = 200, .headers = {{"stream-id", std::string(5000, 's')}}};
  EXPECT_EQ(callback().verdict(endless).session_id.size(), CallbackProtocol::kMaxSessionIdLength);
}

TEST(HookNames, WithTheIdNothingThatOpensAStreamIsTold) {
  AccessRequest secret = request();
  secret.name = "sk_0123";
  secret.query = "a=1&key=sk_0123&%6bey=sk_0123&token=tk-1&keys=2&key";
  secret.tc_url = "rtmp://live.example.org/live?key=sk_0123";
  const AccessRequest shown = without_secrets(secret);
  EXPECT_EQ(shown.query, "a=1&keys=2");
  const NginxProtocol nginx(
      {.on_publish = "http://127.0.0.1/n", .on_publish_done = "", .on_play = "", .on_play_done = ""});
  for (const std::string& body :
       {SrsProtocol("http://127.0.0.1/srs", "edge").call(Occasion::kPublish, shown, kNow)->body,
        nginx.call(Occasion::kPublish, shown, kNow)->body}) {
    EXPECT_EQ(body.find("sk_"), std::string::npos) << body;
    EXPECT_EQ(body.find("tk-1"), std::string::npos) << body;
    EXPECT_NE(body.find(secret.stream_id), std::string::npos) << body;
  }
}

TEST(SrsProtocol, SendsTheFieldsOfItsActions) {
  const SrsProtocol srs("http://127.0.0.1/srs", "edge");
  const http::Call call = srs.call(Occasion::kPublish, request(), kNow).value();
  EXPECT_EQ(call.headers.at(0), (std::pair<std::string, std::string>("Content-Type", "application/json")));
  EXPECT_EQ(Json::parse(call.body),
            Json::parse(R"({"server_id":"edge","service_id":"millrace","action":"on_publish",
      "client_id":"0123456789abcdef","request_id":"0123456789abcdef","ip":"192.0.2.7","addr":"192.0.2.7",
      "vhost":"__defaultVhost__","app":"chan","tcUrl":"rtmp://live.example.org:1936/chan","stream":"k&y",
      "param":"?token=a%26b&name=victim&x","stream_url":"/chan/k&y","stream_id":"chan"})"));
  const std::pair<Occasion, const char*> actions[] = {
      {Occasion::kUnpublish, "on_unpublish"}, {Occasion::kPlay, "on_play"}, {Occasion::kStop, "on_stop"}};
  for (const auto& [occasion, action] : actions) {
    EXPECT_EQ(Json::parse(srs.call(occasion, request(), kNow)->body)["action"], action);
  }
  AccessRequest bare = request();
  bare.tc_url.clear();
  bare.query.clear();
  const Json body = Json::parse(srs.call(Occasion::kPublish, bare, kNow)->body);
  EXPECT_EQ(body["param"], "");
}

struct Answer {
  int status;
  std::string body;
  bool accepted;
  std::vector<std::string> urls;
};

TEST(SrsProtocol, AcceptsWithCodeZeroOnly) {
  const SrsProtocol srs("http://127.0.0.1/srs", "edge");
  const std::vector<Answer> rows = {
      {200, R"({"code":0})", true, {}},
      {200, "0", true, {}},
      {200, " 0\n", true, {}},
      {200,
       R"({"code":0,"data":{"urls":["rtmp://a/b/c","rtmp://d/e/f"]}})",
       true,
       {"rtmp://a/b/c", "rtmp://d/e/f"}},
      {200, R"({"code":0,"data":{"urls":[1,null,{},"rtmp://a/b/c"]}})", true, {"rtmp://a/b/c"}},
      {200, R"({"code":0,"data":{"urls":"rtmp://a/b/c"}})", true, {}},
      {200, R"({"code":0,"data":null})", true, {}},
      {200, R"({"code":1})", false, {}},
      {200, R"({"code":1,"data":{"urls":["rtmp://a/b/c"]}})", false, {}},
      {200, R"({"code":"0"})", false, {}},
      {200, R"({"code":0.0})", false, {}},
      {200, R"({"code":null})", false, {}},
      {200, "{}", false, {}},
      {200, "1", false, {}},
      {200, "", false, {}},
      {200, R"({"code":0)", false, {}},
      {200, R"([{"code":0}])", false, {}},
      {401, R"({"code":0})", false, {}},
      {201, "0", false, {}},
      {302, "0", false, {}},
      {200, std::string(60'000, '['), false, {}},
  };
  for (const Answer& row : rows) {
    const Verdict verdict = srs.verdict({.status = row.status, .body = row.body});
    EXPECT_EQ(verdict.accepted, row.accepted) << row.status << " " << row.body.substr(0, 80);
    EXPECT_EQ(verdict.forward_urls, row.urls) << row.body.substr(0, 80);
  }
  std::string many = R"({"code":0,"data":{"urls":[)";
  for (int i = 0; i < 100; ++i) many += (i ? "," : "") + std::string(R"("rtmp://a/b/c")");
  EXPECT_EQ(srs.verdict({.status = 200, .body = many + "]}}"}).forward_urls.size(),
            SrsProtocol::kMaxForwardUrls);
}

TEST(NginxProtocol, SendsAFormInWhichThePeersParametersCantPassForOurs) {
  const NginxProtocol nginx({.on_publish = "http://127.0.0.1/publish",
                             .on_publish_done = "http://127.0.0.1/done",
                             .on_play = "http://127.0.0.1/play",
                             .on_play_done = {}});
  const http::Call call = nginx.call(Occasion::kPublish, request(), kNow).value();
  EXPECT_EQ(call.url, "http://127.0.0.1/publish");
  EXPECT_EQ(
      call.body,
      "call=publish&app=chan&flashver=FMLE%2f3.0&swfurl=&tcurl=rtmp%3a%2f%2flive.example.org%3a1936%2fchan"
      "&pageurl=&addr=192.0.2.7&clientid=162254319&name=k%26y&type=live&token=a%26b&x=");
  AccessRequest sly = request();
  sly.query = "n%61me=victim&%63all=play&=x&&app&a=1&addr=10.0.0.1";
  const std::string body = nginx.call(Occasion::kPublish, sly, kNow)->body;
  EXPECT_EQ(body.substr(body.find("&type=live")), "&type=live&a=1");
  EXPECT_EQ(nginx.call(Occasion::kUnpublish, request(), kNow)->body.substr(0, 17), "call=publish_done");
  EXPECT_EQ(nginx.call(Occasion::kPlay, request(), kNow)->url, "http://127.0.0.1/play");
  EXPECT_FALSE(nginx.call(Occasion::kStop, request(), kNow)) << "no URL, no call";
}

TEST(NginxProtocol, AcceptsWith2xxOnly) {
  const NginxProtocol nginx(
      {.on_publish = "http://a/", .on_publish_done = {}, .on_play = {}, .on_play_done = {}});
  for (const int status : {200, 201, 204, 299})
    EXPECT_TRUE(nginx.verdict({.status = status}).accepted) << status;
  for (const int status : {0, 199, 300, 302, 400, 403, 500})
    EXPECT_FALSE(nginx.verdict({.status = status}).accepted);
}

TEST(VisitText, TakesTextsApart) {
  EXPECT_EQ(form_unescape("a%2Bb+c%zz%4"), "a+b c%zz%4");
  EXPECT_EQ(form_unescape(form_escape("\x01 &=\xff%+a")), "\x01 &=\xff%+a");
  EXPECT_EQ(query_parameter("a=1&key=k%26&key=2", "key"), "k&");
  EXPECT_EQ(query_parameter("akey=1&key", "key"), "");
}

}  // namespace
}  // namespace millrace::auth
