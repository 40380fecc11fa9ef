// Why a publisher is refused, as the RTMP status it is sent and the number that proxy-rtmp's API gives such
// answers (400 the request, 403 not allowed, 404 not there, 500 ours). docs/rtmp.md has the table for all of
// RTMP.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "media/log.hpp"

namespace millrace::ingest {

inline constexpr std::string_view kPublishRejected = "NetStream.Publish.Rejected";
inline constexpr std::string_view kPublishFailed = "NetStream.Publish.Failed";

struct RefusalStatus {
  int number = 500;
  std::string_view code = kPublishFailed;  // of onStatus
};

RefusalStatus publish_refusal(const Error& error);

// What a publisher is sent whose publication the server ends.
struct EndStatus {
  std::string_view code;
  std::string_view description;
};
EndStatus end_status(media::LogEnd reason);

}  // namespace millrace::ingest
