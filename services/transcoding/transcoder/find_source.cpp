#include "find_source.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.hpp"
#include "errors.hpp"

namespace millrace::transcoding {

Result<media::FoundLog> find_source(const std::string& directory, const std::string& stream_id,
                                    const std::optional<PublicationId>& publication, std::int64_t wait_us) {
  constexpr std::chrono::milliseconds kLookAgain{50};
  const std::int64_t deadline_us = monotonic_us() + wait_us;
  while (true) {
    media::ArenaSet arenas(directory, kReaderName);
    const Result<void> looked = arenas.refresh();
    if (!looked && arenas.empty()) return tl::unexpected<Error>(looked.error());
    const std::vector<media::FoundLog> logs = arenas.logs(media::LogRole::kSource);
    const auto found = std::find_if(logs.rbegin(), logs.rend(), [&](const media::FoundLog& log) {
      if (publication) return log.info.publication_id == *publication;
      return log.info.stream_id == stream_id && log.info.end == media::LogEnd::kLive;
    });
    if (found != logs.rend()) return *found;
    if (monotonic_us() >= deadline_us) return fail(errors::kNoSource, "no live source of " + stream_id);
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace millrace::transcoding
