#include "publish/refusal_status.hpp"

#include <array>

#include "rtmp/server_session.hpp"

namespace millrace::ingest {

namespace {

struct Row {
  std::string_view error;  // ends with a dot: all that begin so
  RefusalStatus status;
};
constexpr std::array<Row, 12> kRows = {{
    {"ingest.name", {400, rtmp::status::kPublishBadName}},
    {"ingest.unsupported", {400, kPublishFailed}},
    {"codecs.", {400, kPublishFailed}},
    {"media.too_large", {400, kPublishFailed}},
    {"media.too_many_configurations", {400, kPublishFailed}},
    {"media.no_dimensions", {400, kPublishFailed}},
    {"media.timescale", {400, kPublishFailed}},
    {"ingest.denied", {403, rtmp::status::kPublishDenied}},
    {"ingest.max_streams", {403, rtmp::status::kPublishDenied}},
    {"ingest.bitrate", {403, rtmp::status::kPublishDenied}},
    {"ingest.resolution", {403, rtmp::status::kPublishDenied}},
    {"ingest.superseded", {403, kPublishRejected}},
}};

}  // namespace

RefusalStatus publish_refusal(const Error& error) {
  for (const Row& row : kRows) {
    const bool family = row.error.ends_with('.');
    if (family ? error.code.starts_with(row.error) : error.code == row.error) return row.status;
  }
  return {};
}

EndStatus end_status(media::LogEnd reason) {
  switch (reason) {
    case media::LogEnd::kTakenOver:
      return {kPublishRejected, "A newer publisher has taken this stream over."};
    case media::LogEnd::kRevoked:
      return {rtmp::status::kPublishDenied, "The stream was closed."};
    case media::LogEnd::kDrained:
      return {rtmp::status::kUnpublishSuccess, "The server is stopping."};
    case media::LogEnd::kTimedOut:
      return {kPublishFailed, "Nothing was received for too long."};
    default:
      return {kPublishFailed, "The stream has ended."};
  }
}

}  // namespace millrace::ingest
