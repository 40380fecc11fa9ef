#include "publish/refusal_status.hpp"

#include <array>

#include "codecs/errors.hpp"
#include "errors.hpp"
#include "media/errors.hpp"
#include "rtmp/server_session.hpp"

namespace millrace::ingest {

namespace {

struct Row {
  std::string_view error;  // ends with a dot: all that begin so
  RefusalStatus status;
};
constexpr std::array<Row, 12> kRows = {{
    {ingest::errors::kName, {400, rtmp::status::kPublishBadName}},
    {ingest::errors::kUnsupported, {400, kPublishFailed}},
    {codecs::errors::kFamily, {400, kPublishFailed}},
    {media::errors::kTooLarge, {400, kPublishFailed}},
    {media::errors::kTooManyConfigurations, {400, kPublishFailed}},
    {media::errors::kNoDimensions, {400, kPublishFailed}},
    {media::errors::kTimescale, {400, kPublishFailed}},
    {ingest::errors::kDenied, {403, rtmp::status::kPublishDenied}},
    {ingest::errors::kMaxStreams, {403, rtmp::status::kPublishDenied}},
    {ingest::errors::kBitrate, {403, rtmp::status::kPublishDenied}},
    {ingest::errors::kResolution, {403, rtmp::status::kPublishDenied}},
    {ingest::errors::kSuperseded, {403, kPublishRejected}},
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
    case media::LogEnd::kUnpublished:  // by auth's order: it may come back under the new rule
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
