#include "net/proxy_header.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::net {
namespace {

// Version 2 with its fixed part.
std::string binary(int version_command, int family_protocol, const std::string& body) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(version_command);
  header += static_cast<char>(family_protocol);
  header += static_cast<char>(body.size() >> 8);
  header += static_cast<char>(body.size() & 0xFF);
  return header + body;
}

const std::string kInet("\xCB\x00\x71\x09\xC6\x33\x64\x01\xC3\x50\x07\x8F", 12);
std::string inet6() {
  std::string body("\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
  body += body;
  return body + std::string("\xC3\x50\x07\x8F", 4);
}
std::string tlv(char type, const std::string& value) {
  return std::string{type, static_cast<char>(value.size() >> 8), static_cast<char>(value.size() & 0xFF)} +
         value;
}

struct Case {
  std::string name;
  std::string bytes;
  std::string source;  // empty: none
  std::uint16_t port = 0;
};

std::vector<Case> good() {
  return {
      {"TCP4", "PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n", "203.0.113.9", 50000},
      {"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 50000 1935\r\n", "2001:db8::1", 50000},
      {"TCP6 of mapped IPv4", "PROXY TCP6 ::ffff:203.0.113.9 ::ffff:198.51.100.1 1 2\r\n", "203.0.113.9", 1},
      {"port 0", "PROXY TCP4 203.0.113.9 198.51.100.1 0 0\r\n", "203.0.113.9", 0},
      {"UNKNOWN", "PROXY UNKNOWN\r\n", "", 0},
      {"UNKNOWN with anything", "PROXY UNKNOWN ffff:f...f ffff 65535 65535\r\n", "", 0},
      {"the longest line",
       "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
       "65535\r\n",
       "", 0},
      {"v2 inet", binary(0x21, 0x11, kInet), "203.0.113.9", 50000},
      {"v2 inet6", binary(0x21, 0x21, inet6()), "2001:db8::1", 50000},
      {"v2 inet with TLVs",
       binary(0x21, 0x11, kInet + tlv(4, "") + tlv(1, "h2") + tlv(0x20, std::string(300, 'x'))),
       "203.0.113.9", 50000},
      {"v2 unix", binary(0x21, 0x31, std::string(216, 'u')), "", 0},
      {"v2 unspecified", binary(0x21, 0x00, ""), "", 0},
      {"v2 LOCAL", binary(0x20, 0x00, ""), "", 0},
      {"v2 LOCAL with addresses", binary(0x20, 0x11, kInet), "", 0},
      {"v2 datagram", binary(0x21, 0x12, kInet), "", 0},
      {"v2 as long as may be",
       binary(0x21, 0x11, kInet + tlv(0x20, std::string(ProxyHeaderReader::kMaxLength - 12 - 3, 'x'))),
       "203.0.113.9", 50000},
  };
}

TEST(ProxyHeader, ReadsEveryFormWholeAndInPieces) {
  for (const Case& c : good()) {
    for (const std::size_t piece : {c.bytes.size() + 20, std::size_t{1}, std::size_t{7}}) {
      SCOPED_TRACE(c.name + " in pieces of " + std::to_string(piece));
      const std::string stream = c.bytes + "\x03the client's own bytes";
      ProxyHeaderReader reader;
      std::size_t at = 0;
      while (!reader.done()) {
        const auto view = as_bytes(stream).subspan(at, std::min(piece, stream.size() - at));
        const auto taken = reader.receive(view);
        ASSERT_TRUE(taken) << taken.error().message;
        ASSERT_TRUE(reader.done() || *taken == view.size()) << "a socket would be ready for ever";
        at += *taken;
      }
      EXPECT_EQ(at, c.bytes.size()) << "nothing of the client's is taken";
      EXPECT_EQ(reader.header().source ? reader.header().source->text() : "", c.source);
      EXPECT_EQ(reader.header().source_port, c.port);
    }
  }
}

TEST(ProxyHeader, IsNotDoneBeforeItsLastByte) {
  for (const Case& c : good()) {
    for (std::size_t size = 0; size < c.bytes.size(); ++size) {
      ProxyHeaderReader reader;
      const auto taken = reader.receive(as_bytes(c.bytes).first(size));
      ASSERT_TRUE(taken) << c.name << " at " << size;
      EXPECT_EQ(*taken, size);
      EXPECT_FALSE(reader.done()) << c.name << " at " << size;
    }
  }
}

TEST(ProxyHeader, RefusesWhatIsNone) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"RTMP", std::string("\x03") + std::string(1536, 'c')},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01", 6)},
      {"HTTP", "POST / HTTP/1.1\r\n"},
      {"lower case", "proxy TCP4 203.0.113.9 198.51.100.1 1 2\r\n"},
      {"another word", "PROXYTCP4 203.0.113.9\r\n"},
      {"no carriage return", "PROXY UNKNOWN\n"},
      {"nothing", "PROXY \r\n"},
      {"UDP", "PROXY UDP4 203.0.113.9 198.51.100.1 1 2\r\n"},
      {"no ports", "PROXY TCP4 203.0.113.9 198.51.100.1\r\n"},
      {"one port", "PROXY TCP4 203.0.113.9 198.51.100.1 1\r\n"},
      {"port too large", "PROXY TCP4 203.0.113.9 198.51.100.1 65536 1\r\n"},
      {"port with zeros", "PROXY TCP4 203.0.113.9 198.51.100.1 01 1\r\n"},
      {"negative port", "PROXY TCP4 203.0.113.9 198.51.100.1 -1 1\r\n"},
      {"more behind", "PROXY TCP4 203.0.113.9 198.51.100.1 1 2 3\r\n"},
      {"two blanks", "PROXY TCP4  203.0.113.9 198.51.100.1 1 2\r\n"},
      {"IPv6 as TCP4", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"},
      {"IPv4 as TCP6", "PROXY TCP6 203.0.113.9 198.51.100.1 1 2\r\n"},
      {"a name", "PROXY TCP4 localhost 198.51.100.1 1 2\r\n"},
      {"a line without end", "PROXY UNKNOWN " + std::string(100, 'x')},
      {"v2 another signature", std::string("\r\n\r\n\0\r\nQUIZ\n", 12)},
      {"v2 version 1", binary(0x11, 0x11, kInet)},
      {"v2 command 2", binary(0x22, 0x11, kInet)},
      {"v2 family 4", binary(0x21, 0x41, kInet)},
      {"v2 protocol 3", binary(0x21, 0x13, kInet)},
      {"v2 inet cut", binary(0x21, 0x11, kInet.substr(0, 11))},
      {"v2 inet6 cut", binary(0x21, 0x21, inet6().substr(0, 35))},
      {"v2 unix cut", binary(0x21, 0x31, std::string(215, 'u'))},
      {"v2 TLV cut", binary(0x21, 0x11, kInet + std::string("\x04\x00", 2))},
      {"v2 TLV longer than the header", binary(0x21, 0x11, kInet + std::string("\x04\x00\x05gone", 7))},
      {"v2 too long", binary(0x21, 0x11, std::string(ProxyHeaderReader::kMaxLength + 1, '\0'))},
  };
  for (const auto& [name, bytes] : bad) {
    ProxyHeaderReader reader;
    const auto taken = reader.receive(as_bytes(bytes));
    ASSERT_FALSE(taken) << name;
    EXPECT_EQ(taken.error().code, "net.proxy_header") << name;
  }
}

}  // namespace
}  // namespace millrace::net
