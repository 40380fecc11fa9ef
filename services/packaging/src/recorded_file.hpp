// Walks a recording, live or finished, for what it says of the media log (media/recorded_log.hpp) and where
// the samples' bytes are. Headers of boxes are read, and those boxes whole; never media. Sans-IO: the file is
// a source.
//
// Of a live one the walk goes on from where it ended before: it counts what recording has sealed, which
// nothing takes back. Somebody else's file has nothing to say.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "containers/mp4/fragmented_file.hpp"
#include "media/recorded_log.hpp"

namespace millrace::packaging {

// Where a piece stands in its file.
struct RecordedPlace {
  std::uint64_t box = 0;  // payload of its box
  std::uint32_t box_bytes = 0;
  std::uint64_t media = 0;  // of its samples' bytes

  bool operator==(const RecordedPlace&) const = default;
};

class RecordedFile {
 public:
  using Visit = std::function<void(const RecordedPlace&, media::RecordedPiece&&)>;

  // The pieces that were not visited yet. Errors are the source's; what was visited stays so.
  Result<void> follow(const mp4::FileSource& source, const Visit& visit);
  // The file's first piece that has samples; nullopt: it has none yet.
  static Result<std::optional<media::RecordedPiece>> first(const mp4::FileSource& source);

 private:
  // What the walk has come across since it was certain last.
  struct Walk {
    std::uint64_t position = 0;
    bool fragment_follows = false;  // the next mdat is a fragment's
    bool of_fragment = false;       // media is
    std::uint64_t media = 0;        // payload of the last mdat
    std::uint64_t media_bytes = 0;
  };
  Result<bool> visit_box(const mp4::FileSource& source, Walk& walk, const Visit& visit);
  Result<void> take_piece(const mp4::FileSource& source, const Walk& walk, const RecordedPlace& place,
                          const Visit& visit) const;

  Walk certain_;
};

}  // namespace millrace::packaging
