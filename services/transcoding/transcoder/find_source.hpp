// The source that a child is for. Blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/publication_ids.hpp"
#include "base/result.hpp"
#include "media/arena_set.hpp"

namespace millrace::transcoding {

inline constexpr const char* kReaderName = "transcoder";  // of the log, for millrace-log

// publication: absent: the stream's newest live one. wait_us: for it to be there. "transcoding.no_source".
Result<media::FoundLog> find_source(const std::string& directory, const std::string& stream_id,
                                    const std::optional<PublicationId>& publication, std::int64_t wait_us);

}  // namespace millrace::transcoding
