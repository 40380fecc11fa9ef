#include "net/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::net {

namespace {

constexpr std::array<std::uint8_t, 12> kSignature = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                     0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr std::size_t kFixedPart = 16;  // of version 2
constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::size_t kMaxLine = 107;

enum Family : std::uint8_t { kUnspecified = 0, kInet = 1, kInet6 = 2, kUnix = 3 };
constexpr std::uint8_t kStream = 1;
constexpr std::uint8_t kDatagram = 2;
constexpr std::size_t kUnixAddresses = 216;

tl::unexpected<Error> no_header(std::string why) {
  return fail("net.proxy_header", std::move(why));
}

bool begins(ByteView bytes, ByteView expected) {
  const std::size_t count = std::min(bytes.size(), expected.size());
  return std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count), expected.begin());
}

// The text up to the next blank; nullopt when there is no blank or nothing before it.
std::optional<std::string_view> word(std::string_view& text) {
  const std::size_t blank = text.find(' ');
  if (blank == 0 || blank == std::string_view::npos) return std::nullopt;
  const std::string_view found = text.substr(0, blank);
  text.remove_prefix(blank + 1);
  return found;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool zeros = text.size() > 1 && text.front() == '0';
  if (error != std::errc{} || end != text.data() + text.size() || zeros) return std::nullopt;
  return port;
}

bool is_family(std::string_view text, bool v6) {
  return IpAddress::parse(text).has_value() && (text.find(':') != std::string_view::npos) == v6;
}

}  // namespace

// How many bytes the header has, as far as is known.
std::size_t ProxyHeaderReader::wanted() const {
  if (collected_.empty() || collected_.front() == kSignature.front()) {
    if (collected_.size() < kFixedPart) return kFixedPart;
    return kFixedPart + (std::size_t{collected_[14]} << 8 | collected_[15]);
  }
  return kMaxLine;
}

Result<std::size_t> ProxyHeaderReader::receive(ByteView bytes) {
  std::size_t taken = 0;
  while (!done_ && taken < bytes.size()) {
    const ByteView rest = bytes.subspan(taken);
    std::size_t count = 1;  // says which version it is
    if (!collected_.empty()) count = std::min(wanted() - collected_.size(), rest.size());
    if (!collected_.empty() && collected_.front() != kSignature.front()) {
      const auto end = std::find(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count), '\n');
      if (end != rest.begin() + static_cast<std::ptrdiff_t>(count))
        count = static_cast<std::size_t>(end - rest.begin()) + 1;
    }
    collected_.insert(collected_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
    taken += count;
    if (const Result<void> looked = look(); !looked) return tl::unexpected<Error>(looked.error());
  }
  return taken;
}

Result<void> ProxyHeaderReader::look() {
  if (collected_.front() == kSignature.front()) {
    if (!begins(collected_, kSignature)) return no_header("no signature");
    if (collected_.size() < kFixedPart) return {};
    if (wanted() > kFixedPart + kMaxLength) return no_header("too long");
    return collected_.size() < wanted() ? Result<void>{} : read_binary();
  }
  if (!begins(collected_, as_bytes(kLineBegin))) return no_header("no header of the PROXY protocol");
  if (collected_.back() == '\n') return read_line();
  if (collected_.size() >= kMaxLine) return no_header("line too long");
  return {};
}

Result<void> ProxyHeaderReader::read_line() {
  std::string_view line = as_text(collected_);
  if (!line.ends_with("\r\n") || line.size() < kLineBegin.size() + 2) return no_header("line end");
  line.remove_suffix(2);
  line.remove_prefix(kLineBegin.size());
  done_ = true;
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return {};
  const auto family = word(line);
  const bool v6 = family == "TCP6";
  if (!v6 && family != "TCP4") return no_header("family");
  const auto source = word(line);
  const auto destination = word(line);
  const auto source_port = word(line);
  if (!source || !destination || !source_port || !is_family(*source, v6) || !is_family(*destination, v6))
    return no_header("addresses");
  const auto port = port_of(*source_port);
  if (!port || !port_of(line)) return no_header("ports");
  header_ = {IpAddress::parse(*source), *port};
  return {};
}

Result<void> ProxyHeaderReader::read_binary() {
  ByteReader reader(ByteView(collected_).subspan(kSignature.size()));
  const std::uint8_t version_command = reader.u8();
  const std::uint8_t family_protocol = reader.u8();
  const std::uint16_t length = reader.u16();
  const ByteView body = reader.take(length);
  if (!reader.ok() || version_command >> 4 != 2) return no_header("version");
  const std::uint8_t command = version_command & 0x0F;
  if (command > 1) return no_header("command");
  done_ = true;
  if (command == 0) return {};  // LOCAL: whatever the addresses are, they are to be ignored
  if ((family_protocol & 0x0F) > kDatagram || family_protocol >> 4 > kUnix) return no_header("family");
  Result<void> read = read_addresses(ByteReader(body), family_protocol >> 4);
  if ((family_protocol & 0x0F) != kStream) header_ = {};
  return read;
}

Result<void> ProxyHeaderReader::read_addresses(ByteReader body, std::uint8_t family) {
  if (family == kUnspecified) return {};
  if (family == kInet) {
    const ByteView source = body.take(4);
    body.skip(4);
    const std::uint16_t port = body.u16();
    body.skip(2);
    if (body.ok()) header_ = {IpAddress::v4(source.first<4>()), port};
  } else if (family == kInet6) {
    const ByteView source = body.take(16);
    body.skip(16);
    const std::uint16_t port = body.u16();
    body.skip(2);
    if (body.ok()) header_ = {IpAddress::v6(source.first<16>()), port};
  } else {
    body.skip(kUnixAddresses);
  }
  while (body.ok() && !body.empty()) {  // TLVs: nobody needs them, but they must be what they say
    body.skip(1);
    const std::uint16_t size = body.u16();
    body.skip(size);
  }
  return body.ok() ? Result<void>{} : no_header("length");
}

}  // namespace millrace::net
