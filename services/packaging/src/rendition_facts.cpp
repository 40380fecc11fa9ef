#include "rendition_facts.hpp"

#include "base/bytes.hpp"

namespace millrace::packaging {
namespace {

media::LogReader::Configuration configuration_of(const transcoding::v1::PlannedRendition& said,
                                                 const RenditionName& name) {
  media::LogReader::Configuration configuration{};
  media::TrackConfiguration& description = configuration.description;
  description.track = track_of(name);
  description.kind = static_cast<media::TrackKind>(said.kind());
  description.codec = static_cast<media::Codec>(said.codec());
  description.timescale = said.timescale();
  description.width = said.width();
  description.height = said.height();
  description.sample_rate = said.sample_rate();
  description.channels = said.channels();
  configuration.bytes.assign(said.configuration().begin(), said.configuration().end());
  return configuration;
}

}  // namespace

std::shared_ptr<const RenditionPlan> plan_of(const transcoding::v1::RenditionsPlanned& said) {
  auto plan = std::make_shared<RenditionPlan>();
  plan->publication_id = PublicationId{said.publication_id()};
  plan->is_refused = !said.refusal().empty();
  for (const transcoding::v1::PlannedRendition& each : said.renditions()) {
    const auto name = parse_made_rendition(each.name());
    if (!name) continue;
    TrackDescription description = describe(configuration_of(each, *name));
    if (!description.timing.usable || description.timing.kind != name->kind) continue;
    plan->renditions.push_back({*name,
                                std::make_shared<const TrackDescription>(std::move(description)),
                                each.frame_rate_millihertz(),
                                {each.peak_bits_per_second(), each.bits_per_second()},
                                each.source_configuration()});
  }
  return plan;
}

bus::v1::Event wanted_event(const RenditionDemand::Watched& watched) {
  bus::v1::Event event;
  transcoding::v1::RenditionsWanted& said = *event.mutable_renditions_wanted();
  said.set_stream_id(watched.stream_id);
  said.set_publication_id(number_of(watched.publication_id));
  for (const auto& [name, media_sequence] : watched.renditions) {
    transcoding::v1::WantedRendition& rendition = *said.add_renditions();
    rendition.set_name(name);
    rendition.set_media_sequence(media_sequence);
  }
  return event;
}

}  // namespace millrace::packaging
