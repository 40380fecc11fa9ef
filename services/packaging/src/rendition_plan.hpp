// What transcoding says can be made of a stream as soon as somebody watches it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bandwidth.hpp"
#include "media_path.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {

// Announced before there is anything of it; what is made of it later is the same.
struct PlannedRendition {
  RenditionName name;
  std::shared_ptr<const TrackDescription> description;  // never null, usable
  std::uint32_t frame_rate_millihertz = 0;              // of pictures; 0: not known
  Bandwidth most{};                                     // of no segment more
  // Of the source's track, in its log: what is planned is made of what has this one.
  std::uint32_t source_configuration = 0;
};

struct RenditionPlan {
  PublicationId publication_id{};  // of the source
  std::vector<PlannedRendition> renditions{};
  bool is_refused = false;  // nothing can be begun at the moment

  // nullptr: it is not in it.
  const PlannedRendition* find(const RenditionName& name) const;
};

// By stream. Any thread; times are passed in.
//
// A transcoding that starts again plans the same again: what the one before had said stands meanwhile.
class RenditionPlans {
 public:
  static constexpr std::size_t kMostStreams = 4096;  // of further ones nothing is announced
  static constexpr std::int64_t kStandsUs = 60'000'000;

  // instance: of transcoding.
  void set(const std::string& stream_id, const std::string& instance,
           std::shared_ptr<const RenditionPlan> plan);
  // Only if it is of that publication.
  void end(const std::string& stream_id, PublicationId publication_id);
  // The instance says all that it has next: what it does not say for kStandsUs is forgotten.
  void begin_again(const std::string& instance, std::int64_t now_us);
  void look(std::int64_t now_us);
  std::shared_ptr<const RenditionPlan> find(const std::string& stream_id) const;

 private:
  struct Entry {
    std::shared_ptr<const RenditionPlan> plan;
    std::string instance;
    std::int64_t until_us = 0;  // 0: it has been said
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry> plans_;
};

}  // namespace millrace::packaging
