// Requests and their answers over real sockets.
#include "http/server_test_fixture.hpp"

namespace millrace::http {
namespace {

TEST_F(ServerTest, AnswersRawRequestsExactly) {
  struct Case {
    std::string_view sent;
    int status;
    std::string_view body;  // empty: not looked at
  };
  const std::string long_path = "GET /" + std::string(65536, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string big_header = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string endless_extension = chunked + "5;a=" + std::string(1 << 20, 'x');
  const std::string endless_trailer = chunked + "0\r\nX: " + std::string(1 << 20, 'x');
  std::string endless_trailers = chunked + "0\r\n";
  for (int i = 0; i < 100'000; ++i) endless_trailers += "X: y\r\n";
  std::string many_fields = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 150; ++i) many_fields += "A: b\r\n";
  many_fields += "\r\n";
  const Case cases[] = {
      {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a ?b=c"},
      {"\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a"},
      {"GET /a HTTP/1.0\r\n\r\n", 200, "GET /a"},
      {"GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a"},
      {"PROPFIND /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "PROPFIND /a"},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200, "OPTIONS *"},
      {"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200, "POST /p [hello]"},
      {"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nHost: y\r\n\r\n",
       200, "POST /p [abcde]"},
      // Faults 34: paths.
      {"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /..%2f..%2fetc HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /%2e%2e/etc HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /a\\..\\b HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET //a HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /..;/x HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {long_path, 431, ""},
      // Faults 38: framing.
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400,
       ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, ""},
      {"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc", 413, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc", 400, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", 413, ""},
      // Neither an extension nor trailers have to have an end.
      {endless_extension, 400, ""},
      {endless_trailer, 431, ""},
      {endless_trailers, 431, ""},
      // The refusal of a header stands, whatever follows it in the same packet.
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: "
       "x\r\n\r\n",
       413, ""},
      {"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\nhello", 400, ""},
      {"POST /../x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 400, ""},
      {"POST /../x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400,
       ""},
      {"GET / HTTP/1.1\r\n\r\n", 400, ""},
      {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, ""},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, ""},
      {"GET /\r\n\r\n", 400, ""},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {big_header, 431, ""},
      {many_fields, 431, ""},
  };
  start(echo);
  for (const Case& c : cases) {
    const std::string answer = exchange(c.sent);
    EXPECT_EQ(status_of(answer), c.status) << c.sent.substr(0, 120);
    if (!c.body.empty()) {
      EXPECT_EQ(body_of(answer), c.body);
    }
    if (c.status >= 400) {
      EXPECT_EQ(field_of(answer, "Connection"), "close");
    }
  }
  EXPECT_EQ(status_of(exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
}

TEST_F(ServerTest, ReadsARequestThatComesByteByByte) {
  start(echo);
  TestClient client(server_->port());
  for (const char c : std::string_view("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"))
    client.send({&c, 1});
  EXPECT_EQ(body_of(client.read_answer()), "POST /p [ok]");
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrderEvenWhenTheFirstIsAnsweredLater) {
  std::mutex mutex;
  std::vector<Responder> held;
  start([&](Request&& request, const Responder& respond) {
    if (request.path != "/slow") return echo(std::move(request), respond);
    const std::lock_guard lock(mutex);
    held.push_back(respond);
  });
  TestClient client(server_->port());
  std::string sent = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
  for (int i = 0; i < 200; ++i) sent += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(sent);
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return held.size() == 1;
  }));
  std::thread([&] { held.front()(Response::text(200, "text/plain", "slow")); }).join();
  EXPECT_EQ(body_of(client.read_answer()), "slow");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(body_of(client.read_answer()), "GET /" + std::to_string(i));
}

TEST_F(ServerTest, LeavesOutTheBodyOfHeadButKeepsItsLength) {
  start(echo);
  TestClient client(server_->port());
  client.send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = client.read_answer(true);
  EXPECT_EQ(field_of(head, "Content-Length"), "9");
  EXPECT_EQ(body_of(client.read_answer()), "GET /next");
}

TEST_F(ServerTest, KeepsOrClosesTheConnectionAsAsked) {
  start(echo);
  for (const auto& [request, connection] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "keep-alive"},
           {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close"},
           {"GET / HTTP/1.0\r\n\r\n", "close"},
           {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"}}) {
    EXPECT_EQ(field_of(exchange(request), "Connection"), connection) << request;
  }
}

TEST_F(ServerTest, InvitesABodyThatWaitsForIt) {
  start(echo);
  TestClient client(server_->port());
  client.send("POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_EQ(body_of(client.read_answer()), "POST /p [ok]");
}

TEST_F(ServerTest, SendsEveryKindOfBodyWholeAndInRanges) {
  const std::string text = pattern(3'000'000);
  const std::string path = ::testing::TempDir() + "/millrace_http_" + std::to_string(::getpid());
  std::ofstream(path, std::ios::binary) << text;
  const auto file = std::make_shared<const FileHandle>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::filesystem::remove(path);
  start([&](Request&& request, const Responder& respond) {
    Response response;
    response.headers.add("ETag", "\"1\"");
    if (request.path == "/string") response.body = text;
    if (request.path == "/shared") response.body = std::make_shared<const std::string>(text);
    if (request.path == "/file") response.body = FileRegion{file, 0, text.size()};
    if (request.path == "/pieces") {
      // The text is at the beginning, and a byte of it between two pieces of the file.
      FilePieces pieces{text.substr(0, 1'000) + text[100'000], {{0, 1'000}, {1'000, 99'000, file}}};
      pieces.pieces.push_back({100'000, 0, file});
      pieces.pieces.push_back({1'000, 1});
      pieces.pieces.push_back({100'001, text.size() - 100'001, file});
      response.body = std::move(pieces);
    }
    if (request.path == "/mapped") {
      MappedRegions regions;
      for (std::size_t at = 0; at < text.size(); at += 5'200)
        regions.parts.push_back(as_bytes(std::string_view(text).substr(at, 5'200)));
      response.body = std::move(regions);
    }
    respond(std::move(response));
  });
  for (const std::string kind : {"/string", "/shared", "/file", "/pieces", "/mapped"}) {
    TestClient client(server_->port());
    const auto get = [&](const std::string& fields) {
      client.send(
          std::string("GET ").append(kind).append(" HTTP/1.1\r\nHost: x\r\n").append(fields).append("\r\n"));
      return client.read_answer();
    };
    EXPECT_TRUE(body_of(get("")) == text) << kind;
    for (const auto& [offset, length] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 1},
                                                          {999, 2},
                                                          {5'199, 2},
                                                          {99'999, 3},
                                                          {100'000, 1'500'000},
                                                          {text.size() - 17, 17},
                                                          {16'384, 16'384}}) {
      const std::string answer =
          get("Range: bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1) + "\r\n");
      EXPECT_EQ(status_of(answer), 206);
      EXPECT_TRUE(body_of(answer) == text.substr(offset, length)) << kind << " " << offset;
    }
    EXPECT_EQ(field_of(get("Range: bytes=3000000-\r\n"), "Content-Range"), "bytes */3000000");
    EXPECT_EQ(status_of(get("If-None-Match: \"1\"\r\n")), 304);
    EXPECT_TRUE(body_of(get("")) == text) << kind;
  }
}

TEST_F(ServerTest, NeverCompletesAnAnswerWhoseMappingWasOverwritten) {
  const std::string text = pattern(2'000'000);
  for (const int good_checks : {0, 1, 3, 6}) {
    auto left = std::make_shared<int>(good_checks);
    start([&, left](Request&& /*request*/, const Responder& respond) {
      Response response;
      response.body = MappedRegions{{as_bytes(text)}, nullptr, [left] { return (*left)-- > 0; }};
      respond(std::move(response));
    });
    TestClient client(server_->port());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.read_all();
    EXPECT_TRUE(client.closed());
    EXPECT_LT(body_of(answer).size(), text.size()) << good_checks;
    EXPECT_EQ(server_->statistics().torn, 1U);
  }
}

TEST_F(ServerTest, ReleasesTheOwnerOfAMappingWhenTheClientLeaves) {
  const std::string text = pattern(8'000'000);
  auto owner = std::make_shared<int>(1);
  start([&](Request&& /*request*/, const Responder& respond) {
    Response response;
    response.body = MappedRegions{{as_bytes(text)}, owner, {}};
    respond(std::move(response));
  });
  {
    TestClient client(server_->port(), 4096);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return owner.use_count() == 2; }));
    client.reset();
  }
  EXPECT_TRUE(eventually([&] { return owner.use_count() == 1; }));
  EXPECT_EQ(server_->statistics().aborted, 1U);
}

}  // namespace
}  // namespace millrace::http
