// Which renditions of which publications are wanted: what packaging has reported, for a while after it
// last did. Pure. Of several packagings that report the same each keeps it wanted.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/publication_ids.hpp"
#include "wanted.hpp"

namespace millrace::transcoding {

class DemandTable {
 public:
  using Time = std::chrono::milliseconds;                 // since any fixed point
  static constexpr std::size_t kMostPublications = 4096;  // what is wanted of further ones does not count

  explicit DemandTable(Time linger) : linger_(linger) {}

  // A rendition of that name, from the media sequence on; 0: no particular one.
  void note(PublicationId publication, const std::string& name, std::uint64_t media_sequence, Time now);
  // Forgets what nobody has reported for the linger.
  void look(Time now);
  // nullopt: nothing is. from: the least that was asked for of what has not been told yet.
  std::optional<Wanted> wanted(PublicationId publication) const;
  // What wanted() gave has been told to who makes it.
  void told(PublicationId publication);
  std::size_t renditions() const;

 private:
  struct Rendition {
    Time last{0};
    std::uint64_t from = 0;
    bool told = false;
  };
  Time linger_;
  std::map<PublicationId, std::map<std::string, Rendition>> wanted_;
};

}  // namespace millrace::transcoding
