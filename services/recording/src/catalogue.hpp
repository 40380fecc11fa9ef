// What recordings the directory holds of which publication: how a started recorder knows where it was.
// Blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "part_file.hpp"

namespace millrace::recording {

// A part that goes on, or that is to be finished.
struct FoundPart {
  std::string stem;
  PartContent content;
};

// What there is of one publication.
struct PublicationFiles {
  std::uint64_t next_sequence = 0;  // everything before is recorded, in one file or another
  // The part that holds the newest samples, if those are not in a finished file.
  std::optional<FoundPart> unfinished;
  std::vector<std::string> complete;  // stems of other parts: to be finished
};

Result<PublicationFiles> find_publication(const std::string& directory, const std::string& stream_id,
                                          PublicationId publication_id);

// Every part in the directory with its publication (kNoPublication when not even its beginning is whole).
struct PartOwner {
  std::string stem;
  std::string stream_id;
  PublicationId publication_id{};
};
Result<std::vector<PartOwner>> find_parts(const std::string& directory);

// Removes what an interrupted finishing left. Only while nothing is being finished.
void remove_unfinished_copies(const std::string& directory);

}  // namespace millrace::recording
