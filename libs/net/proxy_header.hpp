// What a trusted load balancer says before the client's first byte (HAProxy, "The PROXY protocol" versions 1
// and 2). Sans-IO.
//
//   v1:  PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n      at most 107 bytes
//   v2:  \r\n\r\n\0\r\nQUIT\n | version 2, command | family, protocol | length | addresses | TLVs
//
// Owner: what waits for a connection's header; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/ip_network.hpp"

namespace millrace::net {

struct ProxyHeader {
  // Of the client. Without one (LOCAL: the balancer's own check; UNKNOWN, UNIX, datagrams) the connection's
  // own peer counts.
  std::optional<IpAddress> source;
  std::uint16_t source_port = 0;
};

class ProxyHeaderReader {
 public:
  // Addresses and TLVs of version 2; longer headers are refused.
  static constexpr std::size_t kMaxLength = 4096;

  // Takes from the front of bytes what belongs to the header and says how many these are: all while it is not
  // complete. "net.proxy_header": this is none; it is not read further.
  Result<std::size_t> receive(ByteView bytes);
  bool done() const { return done_; }
  // Once done.
  const ProxyHeader& header() const { return header_; }

 private:
  Result<void> look();
  Result<void> read_line();
  Result<void> read_binary();
  Result<void> read_addresses(ByteReader body, std::uint8_t family);
  std::size_t wanted() const;

  Bytes collected_;
  ProxyHeader header_;
  bool done_ = false;
};

}  // namespace millrace::net
