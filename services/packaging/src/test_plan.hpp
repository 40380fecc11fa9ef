// A plan of the pictures that TestPublisher writes, for tests.
#pragma once

#include <memory>
#include <string>

#include "containers/mp4/testing/streams.hpp"
#include "rendition_plan.hpp"

namespace millrace::packaging {

inline std::shared_ptr<RenditionPlan> test_plan(const std::string& name = "v0-180p",
                                                PublicationId publication = PublicationId{0xA1}) {
  const mp4::Track& track = mp4::test::video_track();
  media::LogReader::Configuration configuration{};
  configuration.description.kind = media::TrackKind::kVideo;
  configuration.description.codec = media::Codec::kH264;
  configuration.description.timescale = track.timescale;
  configuration.description.width = track.width;
  configuration.description.height = track.height;
  configuration.bytes = track.configuration;
  auto plan = std::make_shared<RenditionPlan>();
  plan->publication_id = publication;
  plan->renditions.push_back({*parse_made_rendition(name),
                              std::make_shared<const TrackDescription>(describe(configuration)),
                              25'000,
                              {900'000, 800'000},
                              0});
  return plan;
}

}  // namespace millrace::packaging
