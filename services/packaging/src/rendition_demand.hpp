// Which renditions of ladders somebody watches: what players have asked for, until they have not for a while.
// Any thread; times are passed in.
//
// Watched is what a segment or part was asked of, what a list was waited for more of, and what a viewer has
// read the list of twice: a list alone may be read by who looks at everything that there is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/siphash.hpp"

namespace millrace::packaging {

class RenditionDemand {
 public:
  static constexpr std::size_t kMostStreams = 4096;   // further ones count as watched by nobody
  static constexpr std::size_t kMostRenditions = 32;  // of a stream
  static constexpr std::size_t kMostReaders = 65536;  // of lists; of further ones a second reading is none

  struct Asked {
    std::string_view stream_id;
    PublicationId publication_id{};  // of the source
    std::string_view rendition;
    std::uint64_t media_sequence = 0;  // of what is to be made; 0: no particular one
    std::int64_t now_us = 0;
    std::int64_t expires_us = 0;  // then nobody watches, unless it is asked for again
  };
  struct Watched {
    std::string stream_id;
    PublicationId publication_id{};
    // Names, and the first media sequence that was asked for since the last time; 0: none.
    std::map<std::string, std::uint64_t, std::less<>> renditions{};
  };

  RenditionDemand() : key_(random_hash_key()) {}
  // tell: at once of what nobody has watched before; on the thread that asks.
  void set_teller(std::function<void(const Watched&)> tell) { tell_ = std::move(tell); }

  void ask(const Asked& asked);
  // The list was read, by a viewer of that address and name: the second time within the time counts as asked.
  void read(const Asked& asked, std::string_view address, std::string_view viewer);
  // All that is watched.
  std::vector<Watched> collect(std::int64_t now_us);
  // When somebody began to watch something that nobody did; 0: never.
  std::int64_t newest_us() const;

 private:
  struct Rendition {
    std::uint64_t media_sequence = 0;
    std::int64_t expires_us = 0;
  };
  struct Stream {
    PublicationId publication_id{};
    std::map<std::string, Rendition, std::less<>> renditions{};
  };
  // True: nobody has watched it.
  bool note(const Asked& asked);
  bool has_read(const Asked& asked, std::string_view address, std::string_view viewer);

  const HashKey key_;
  std::function<void(const Watched&)> tell_;
  mutable std::mutex mutex_;
  std::map<std::string, Stream, std::less<>> streams_;
  std::unordered_map<std::uint64_t, std::int64_t> readers_;  // until when
  std::int64_t swept_us_ = 0;                                // readers
  std::int64_t newest_us_ = 0;
};

}  // namespace millrace::packaging
