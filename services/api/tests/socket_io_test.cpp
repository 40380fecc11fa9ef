// Engine.IO's and Socket.IO's packets against the examples of their protocol documents.
#include "socket_io.hpp"

#include <gtest/gtest.h>

#include "engine_io.hpp"

namespace millrace::api {
namespace {

TEST(EngineIo, ReadsPackets) {
  const struct {
    std::string_view text;
    char type;  // 0: none
    std::string_view data;
  } rows[] = {{"4hello", '4', "hello"},
              {"2probe", '2', "probe"},
              {"3", '3', ""},
              {"5", '5', ""},
              {"1", '1', ""},
              {"6", '6', ""},
              {"0{}", '0', "{}"},
              {"", 0, ""},
              {"7", 0, ""},
              {"bAQIDBA==", 0, ""},
              {"\x1e", 0, ""},
              {"/", 0, ""}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    const auto packet = parse_engine_io_packet(row.text);
    ASSERT_EQ(packet.has_value(), row.type != 0);
    if (!packet) continue;
    EXPECT_EQ(static_cast<char>(packet->type), row.type);
    EXPECT_EQ(packet->data, row.data);
  }
}

TEST(EngineIo, ReadsPayloadsWholeOrNotAtAll) {
  const auto two = parse_engine_io_payload(
      "4hello\x1e"
      "4world");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ((*two)[1].data, "world");
  for (const std::string_view bad : {"", "\x1e", "4a\x1e",
                                     "\x1e"
                                     "4a",
                                     "4a\x1e"
                                     "bAQID",
                                     "4a\x1e\x1e"
                                     "4b"})
    EXPECT_FALSE(parse_engine_io_payload(bad)) << bad;
  std::string many = "3";
  for (std::size_t i = 1; i < kMaxEngineIoPackets; ++i)
    many.append(
        "\x1e"
        "3");
  EXPECT_TRUE(parse_engine_io_payload(many));
  EXPECT_FALSE(parse_engine_io_payload(many + "\x1e"
                                              "3"));
}

TEST(EngineIo, SaysWhatTheHandshakeAgreesOn) {
  EXPECT_EQ(
      open_packet({"lv_VI97HAXpY6yYWAAAB", true, 25000, 20000, 1'000'000}),
      R"(0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
  EXPECT_EQ(open_packet({"x", false, 1, 2, 3}),
            R"(0{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":2,"maxPayload":3})");
}

struct Row {
  std::string_view text;
  char type;  // 0: refused
  std::string_view name_space = "/";
  std::int64_t ack = -1;
  std::string_view payload = "null";
};

constexpr Row kPackets[] = {
    {"0", '0'},
    {R"(0{"token":"123"})", '0', "/", -1, R"({"token":"123"})"},
    {"0/admin,", '0', "/admin"},
    {"0/admin", '0', "/admin"},
    {R"(0/admin,{"token":"123"})", '0', "/admin", -1, R"({"token":"123"})"},
    {"0/admin?token=1,", '0', "/admin"},
    {R"(2["foo"])", '2', "/", -1, R"(["foo"])"},
    {R"(212["foo"])", '2', "/", 12, R"(["foo"])"},
    {R"(2/admin,456["project:delete",123])", '2', "/admin", 456, R"(["project:delete",123])"},
    {R"(3/admin,13["bar"])", '3', "/admin", 13, R"(["bar"])"},
    {"1", '1'},
    {"1/admin,", '1', "/admin"},
    {"", 0},
    {"5", 0},  // binary
    {R"(51-["hello",{"_placeholder":true,"num":0}])", 0},
    {R"(4{"message":"no"})", 0},  // a server's
    {"2", 0},                     // an event without a name
    {"2[]", 0},
    {"2[1]", 0},
    {R"(2{"a":1})", 0},
    {R"(2["foo")", 0},
    {"0[]", 0},
    {"3[]", 0},  // an answer to nothing
    {"1{}", 0},
    {R"(29007199254740992["foo"])", 0},
    {R"(299999999999999999999999["foo"])", 0},
    {"2[\"\xff\"]", 0},
};

TEST(SocketIo, ReadsPackets) {
  for (const Row& row : kPackets) {
    SCOPED_TRACE(row.text);
    const auto packet = parse_socket_io_packet(row.text);
    ASSERT_EQ(packet.has_value(), row.type != 0);
    if (!packet) continue;
    EXPECT_EQ(static_cast<char>(packet->type), row.type);
    EXPECT_EQ(packet->name_space, row.name_space);
    EXPECT_EQ(packet->ack ? static_cast<std::int64_t>(*packet->ack) : -1, row.ack);
    EXPECT_EQ(packet->payload.dump(), row.payload);
  }
}

TEST(SocketIo, TakesNoHalfOfAnEvent) {
  const std::string whole = R"(2/admin,456["project:delete",{"a":[1,2,"x"]}])";
  ASSERT_TRUE(parse_socket_io_packet(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_socket_io_packet(std::string_view(whole).substr(0, size))) << size;
}

TEST(SocketIo, RefusesNamespacesWithoutEnd) {
  EXPECT_TRUE(parse_socket_io_packet("0/" + std::string(255, 'x') + ","));
  EXPECT_FALSE(parse_socket_io_packet("0/" + std::string(300, 'x') + ","));
}

TEST(SocketIo, WritesPackets) {
  EXPECT_EQ(socket_io_connect("wZX3oN0bSVIhsaknAAAI"), R"(40{"sid":"wZX3oN0bSVIhsaknAAAI"})");
  EXPECT_EQ(socket_io_connect_error("/", "Not authorized"), R"(44{"message":"Not authorized"})");
  EXPECT_EQ(socket_io_connect_error("/a\"", "x"), R"(44/a",{"message":"x"})");
  EXPECT_EQ(socket_io_event("foo", "[1]"), R"(42["foo",[1]])");
  EXPECT_EQ(socket_io_ack(13, R"({"a":1})"), R"(4313[{"a":1}])");
  EXPECT_EQ(socket_io_disconnect(), "41");
}

}  // namespace
}  // namespace millrace::api
