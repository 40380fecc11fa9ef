#include "bus/rights.hpp"

#include <algorithm>
#include <initializer_list>

namespace millrace::bus {
namespace {

using Ask = v1::Request;

bool is_one_of(Ask::PayloadCase what, std::initializer_list<Ask::PayloadCase> those) {
  return std::find(those.begin(), those.end(), what) != those.end();
}

// All that people do through it; what only an operator does is missing.
bool api_may(Ask::PayloadCase what) {
  return what != Ask::kMakeAdmin && what != Ask::kAuthorizePublish && what != Ask::kAuthorizePlay &&
         what != Ask::kCloseStream && what != Ask::kChangeLimits;
}

}  // namespace

bool may_ask(Way way, std::string_view service, v1::Request::PayloadCase what) {
  if (what == Ask::kGetSnapshot) return true;
  if (service.empty() && way != Way::kDirectory) return false;
  if (service.empty() || service == kOperator) return way != Way::kPlainTcp;
  if (service == "ingest") return is_one_of(what, {Ask::kAuthorizePublish, Ask::kAuthorizePlay});
  if (service == "auth") return is_one_of(what, {Ask::kCloseStream, Ask::kChangeLimits});
  if (service == "packaging") return is_one_of(what, {Ask::kGetStream});
  if (service == "api") return way != Way::kPlainTcp && api_may(what);
  return false;  // recording, metrics, and what is not known
}

bool may_say(std::string_view service, v1::Event::PayloadCase what) {
  using Say = v1::Event;
  switch (what) {
    case Say::kStreamPublished:
    case Say::kStreamEnded:
    case Say::kStreamStatistics:
    case Say::kPublicationDropped:
    case Say::kPlayEnded:
      return service == "ingest";
    case Say::kViewerStatistics:
    case Say::kRenditionsWanted:
      return service == "packaging";
    case Say::kRecordingStarted:
    case Say::kRecordingFinished:
    case Say::kRecordingFailed:
      return service == "recording";
    case Say::kMetricsUpdated:
      return service == "metrics";
    case Say::kRenditionsPlanned:
      return service == "transcoding";
    case Say::kAccessChanged:
    case Say::kPlaybackRevoked:
    case Say::kVisibilityChanged:
    case Say::kStreamBarred:
    case Say::kWatchingFacts:
    case Say::kRecordingsUnwanted:
      return service == "auth";
    case Say::kHeartbeat:
    case Say::PAYLOAD_NOT_SET:
      return true;
  }
  return false;
}

}  // namespace millrace::bus
