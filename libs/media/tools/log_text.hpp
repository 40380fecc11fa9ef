// What millrace-log prints: logs, records and configurations as JSON objects. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "media/log.hpp"
#include "media/sample.hpp"

namespace millrace::media {

// 16 hexadecimal digits.
std::string hex(PublicationId id);

nlohmann::json describe(const LogInfo& info);
// With the name of the arena that it is in.
nlohmann::json describe(const std::string& arena, const LogInfo& info);
nlohmann::json describe(const SampleRecord& record);
nlohmann::json describe(const TrackConfiguration& configuration);

}  // namespace millrace::media
