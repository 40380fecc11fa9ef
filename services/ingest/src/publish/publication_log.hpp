// A new publication with its log in the arena: how long and how much of it is kept.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "config.hpp"
#include "media/arena_writer.hpp"
#include "publish/publication.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

// Of every log that is made for a publisher.
media::RetentionPolicy retention(const IngestConfig& config);

// ArenaWriter::create_log's errors.
Result<std::unique_ptr<Publication>> open_publication(media::ArenaWriter& arena, const IngestConfig& config,
                                                      const LiveStream& stream);

}  // namespace millrace::ingest
