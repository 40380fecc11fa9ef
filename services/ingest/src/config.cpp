#include "config.hpp"

namespace millrace::ingest {

namespace {

constexpr std::uint32_t kMinChunkSize = 128;  // what peers assume before it is announced otherwise
constexpr std::uint32_t kMaxChunkSize = 65'536;
constexpr std::uint32_t kMinPartMs = 100;
constexpr std::uint32_t kMaxPartMs = 2'000;

Result<SlateKind> parse_slate(const std::string& text) {
  if (text.empty()) return SlateKind::kGapWithParts;
  if (text == "gap") return SlateKind::kGap;
  if (text == "off") return SlateKind::kOff;
  return fail("config.value", "it is gap or off");
}

}  // namespace

Result<void> IngestConfig::check() const {
  if (chunk_size != 0 && chunk_size < kMinChunkSize) {
    return fail("config.value",
                "RTMP_CHUNK_SIZE must be 0 or from 128 to 65536, and is " + std::to_string(chunk_size));
  }
  if (part_ms != 0 && part_ms < kMinPartMs) {
    return fail("config.value",
                "HLS_PART_MS must be 0 or from 100 to 2000, and is " + std::to_string(part_ms));
  }
  if (tls_certificate.empty() == tls_key.empty()) return {};
  const bool certificate = tls_key.empty();
  return fail("config.value", "RTMPS needs both SSL_CERT and SSL_KEY: only " +
                                  std::string(certificate ? "SSL_CERT" : "SSL_KEY") + " is set, to '" +
                                  (certificate ? tls_certificate : tls_key) + "'");
}

std::string IngestConfig::arena_name() const {
  const bool only = bus.instance.empty() || bus.instance == bus::kDefaultInstance;
  return only ? "ingest" : "ingest-" + bus.instance;
}

void IngestConfig::add_rows(ConfigTable& table) {
  table.text("LISTEN_ADDRESS", listen_address, "0.0.0.0", "IP address that public ports are bound to");
  table.integer("RTMP_PORT", rtmp_port, "1935", {0, 65535}, "TCP port of RTMP; 0 takes a free one");
  ops.add_rows(table, "OPS_ADDRESS", "INGEST_OPS_PORT", "9101",
               "TCP port of ingest's health, readiness and metrics");
  table.integer("INGEST_THREADS", threads, "2", {1, 64}, "I/O threads of ingest");
  table.integer("RTMP_MAX_CONNECTIONS", max_connections, "16384", {1, 1'000'000},
                "connections of publishers and players; further ones are closed at once");
  table.integer(
      "RTMP_CHUNK_SIZE", chunk_size, "0", {0, kMaxChunkSize},
      "bytes of a chunk sent to RTMP peers, 128 to 65536; 0 sends every message as one chunk, which "
      "costs least");
  table.duration("HANDSHAKE_SECONDS", handshake, "10", {1, 3600},
                 "seconds a peer has from its connection to its publish or play command");
  table.duration(
      "DECISION_TIMEOUT_MS", decision_timeout, "5000", {500, 30'000},
      "milliseconds that auth, with its callback and hooks, has to decide about a publish or play");
  table.duration("FIRST_MEDIA_SECONDS", first_media, "15", {1, 3600},
                 "seconds that an accepted publisher may take to send its first picture or sound");
  table.duration("READ_TIMEOUT_SECONDS", read_timeout, "30", {1, 3600},
                 "seconds without media after which a publisher is disconnected");
  table.duration("PING_SECONDS", ping, "15", {1, 3600},
                 "seconds between pings of players; two without an answer disconnect");
  table.duration("INGEST_GATHER_MS", gather, "20", {0, 100},
                 "milliseconds that reading is gathered for under load; 0 acts at once always");
  media_log.add_row(table);
  table.bytes("MEDIA_LOG_BYTES", log_bytes, "512M", {16 << 20, std::int64_t{1} << 42},
              "memory of the media log, reserved at start");
  table.bytes("MEDIA_LOG_STREAM_BYTES", log_stream_bytes, "8M", {1 << 20, std::int64_t{1} << 36},
              "memory of the media log that every accepted stream is guaranteed");
  table.duration("MEDIA_LOG_KEEP_SECONDS", log_keep, "60", {5, 86400},
                 "seconds of media that the log keeps where memory allows");
  table.integer(
      "HLS_SEGMENT_MS", segment_ms, "2000", {500, 30'000},
      "length of segments in milliseconds that is aimed at; a stream whose log is retained keeps its own");
  table.integer("HLS_PART_MS", part_ms, "333", {0, kMaxPartMs},
                "length of parts in milliseconds that is aimed at, 100 to 2000; 0: none, which switches low "
                "latency off. A stream whose log is retained keeps its own");
  table.parsed<SlateKind>(
      "SLATE", slate, "gap, off", "",
      "what playlists have while a publisher is away and may come back (RECONNECT_GRACE_SECONDS): `gap`, "
      "segments and parts in real time that are marked as missing, or `off`, nothing new; default: `gap`, "
      "where HLS_PART_MS is 0 `off`",
      parse_slate);
  add_tls_rows(table);
  add_policy_rows(table);
  add_forward_rows(table);
  bus.add_rows(table);
}

void IngestConfig::add_tls_rows(ConfigTable& table) {
  table.integer("SSL_PORT", tls_port, "443", {0, 65535},
                "TCP port of RTMPS; 0 takes a free one. Open only when SSL_CERT and SSL_KEY are set");
  table.text("SSL_BIND_ADDRESS", tls_address, "",
             "IP address that the port of RTMPS is bound to; default: LISTEN_ADDRESS");
  table.text("SSL_CERT", tls_certificate, "", "PEM file of the certificate chain, the server's own first");
  table.text("SSL_KEY", tls_key, "", "PEM file of the certificate's private key");
  table.duration("SSL_CHECK_RELOAD_SECONDS", tls_check, "60", {1, 86400},
                 "seconds between checks of the two files: changed ones serve new connections");
}

void IngestConfig::add_policy_rows(ConfigTable& table) {
  const auto networks = [](const std::string& text) { return net::IpNetworks::parse(text); };
  table.parsed<net::IpNetworks>("RTMP_PLAY_WHITELIST", play_whitelist, "networks", "",
                                "addresses that may play over RTMP: IP addresses and networks, separated by "
                                "commas, or `*`; empty: all",
                                networks);
  table.integer("MAX_IP_CONCURRENT_CONNECTIONS", max_address_connections, "4", {-1, 1'000'000},
                "RTMP connections at a time of one IPv4 address or IPv6 /64; 0 and -1 are no limit");
  table.parsed<net::IpNetworks>(
      "CONCURRENT_LIMIT_WHITELIST", connections_whitelist, "networks", "",
      "addresses without limits per address: IP addresses and networks, separated by "
      "commas, or `*`",
      networks);
  table.parsed<net::IpNetworks>("PROXY_PROTOCOL_TRUSTED", proxies, "networks", "",
                                "load balancers whose connections begin with a header of the PROXY protocol, "
                                "version 1 or 2, which names the client",
                                networks);
  table.integer("ID_MAX_LENGTH", id_max_length, "128", {1, 128},
                "longest application (channel) and stream name or key, in characters");
  table.integer("RTMP_MAX_STREAMS", max_streams, "100", {0, 1'000'000},
                "live publishers at a time; 0 is no limit");
  table.integer("RTMP_MAX_BITRATE", max_bitrate_mbps, "10", {0, 100'000},
                "Mbit/s of a publisher, over ten seconds; 0 is no limit");
  table.parsed<ResolutionLimit>(
      "RTMP_MAX_RESOLUTION", max_resolution, "resolution", "1080p",
      "largest picture of a publisher: `480p`, `720p`, `1080p`, `1440p`, `2160p`, `4320p` or "
      "WIDTHxHEIGHT, upright too; 0 is no limit",
      [](const std::string& text) { return ResolutionLimit::parse(text); });
}

void IngestConfig::add_forward_rows(ConfigTable& table) {
  table.duration(
      "RECONNECT_GRACE_SECONDS", reconnect_grace, "60", {0, 110},
      "seconds that a publisher has to come back: its forwards' connections are kept, and its slate goes on");
  table.secret("FORWARD_TARGETS", forward_targets,
               "where live streams are pushed to: stream-id=URL or *=URL, separated by spaces");
  table.text(
      "FORWARD_ALLOW", forward_allow, "",
      "addresses and networks (CIDR) that forwards may connect to though they are not public, separated "
      "by commas; * allows all");
  table.boolean("FORWARD_TLS_VERIFY", forward_tls_verify, "true",
                "whether the certificates of rtmps forward targets are verified");
  table.text(
      "FORWARD_TLS_AUTHORITIES", forward_tls_authorities, "",
      "PEM file of the authorities that rtmps forward targets are verified with; default: the system's");
  table.integer("FORWARD_MAX", forward_max, "256", {0, 65'536}, "forwards that may run at a time");
}

}  // namespace millrace::ingest
