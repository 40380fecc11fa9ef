// What is to be forwarded where, and how it goes: plain data.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "rtmp/url.hpp"

namespace millrace::ingest {

// One target. Constant once it is shared. The URL holds secrets: only url.label() is ever shown.
struct ForwardSpec {
  static constexpr std::string_view kEveryStream = "*";

  std::string id;         // by which it is stopped and shown; valid by is_valid_id
  std::string stream_id;  // or kEveryStream
  rtmp::Url url;
};
using ForwardSpecPtr = std::shared_ptr<const ForwardSpec>;
// The same id, stream and URL, secrets included.
bool same_target(const ForwardSpec& a, const ForwardSpec& b);

enum class ForwardState : std::uint8_t {
  kResolving,
  kConnecting,  // TCP
  kSecuring,    // TLS
  kOpening,     // handshake to publish
  kSending,
  kWaiting,  // for the next attempt; the reason says why
  kClosing,
  kGone,
};

enum class ForwardReason : std::uint8_t {
  kNone,
  kNotAllowed,  // the address may not be connected to (FORWARD_ALLOW)
  kUnresolved,
  kUnreachable,
  kTls,
  kTimeout,    // no answer at some step
  kRefused,    // by the server: wrong key, unknown application, …
  kProtocol,   // the server does not speak RTMP as it should
  kEnded,      // by the server, while sending
  kClosed,     // the connection, while sending
  kSlow,       // takes nothing for too long
  kRedirects,  // too many
  kAsked,      // the server wants us to connect again
};

// For metrics, lists and log lines.
std::string_view name_of(ForwardState state);
std::string_view name_of(ForwardReason reason);

// How one forward of one stream goes. Written by its shard, read by any thread.
struct ForwardStatus {
  ForwardStatus(std::string forward_id, std::string stream, std::string label)
      : id(std::move(forward_id)), stream_id(std::move(stream)), target(std::move(label)) {}

  const std::string id;
  const std::string stream_id;
  const std::string target;  // host[:port]/app
  std::atomic<ForwardState> state{ForwardState::kResolving};
  std::atomic<ForwardReason> reason{ForwardReason::kNone};  // of the last failure; none while sending
  std::atomic<std::uint64_t> attempts{0};
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> frames_skipped{0};
  std::atomic<WallTime> since_wall{};  // of the state
};
using ForwardStatusPtr = std::shared_ptr<ForwardStatus>;

// "cam1=rtmp://host/app/key *=rtmps://other/app/key": pairs separated by white space, ids "config-1",
// "config-2", … "ingest.forward_targets": which entry is wrong and why, without the URL.
Result<std::vector<ForwardSpecPtr>> parse_forward_targets(std::string_view text);

}  // namespace millrace::ingest
