#include "dash_presentation.hpp"

#include <utility>

#include "dash_manifest.hpp"

namespace millrace::packaging {
namespace {

StoredText compressible(std::string text) {
  StoredText stored = store_text(std::move(text));
  stored.codings = std::make_shared<const LazyCodings>();
  return stored;
}

}  // namespace

DashPresentation::Signature DashPresentation::signature_of(const Offering& offering) {
  const Listing& listing = offering.listing;
  if (listing.offered.empty()) return {};
  std::vector<std::pair<std::string, std::size_t>> made;
  for (const Rendition& rendition : offering.renditions) {
    if (rendition.is_made()) made.emplace_back(to_string(rendition.name), rendition.end());
  }
  const std::uint64_t first = listing.offered.front().media_sequence;
  return {first,
          first + listing.first_listed,
          first + listing.offered.size(),
          listing.offered.back().publication_id,
          listing.ended,
          listing.long_ended,
          listing.goes_on(),
          std::move(made)};
}

const DashPresentation::Manifests& DashPresentation::update(const Offering& offering) {
  Signature signature = signature_of(offering);
  if (signature == signature_) return manifests_;
  signature_ = std::move(signature);
  periods_.update(offering);
  std::string full = dash_manifest(offering, periods_);
  if (full.empty()) return manifests_ = {};
  manifests_.full = compressible(std::move(full));
  std::string plain = dash_manifest(offering, periods_, ManifestForm::kPlain);
  manifests_.plain = plain == *manifests_.full.text ? manifests_.full : compressible(std::move(plain));
  const DashPeriod& newest = periods_.periods().back();
  manifests_.grid.reset();
  if (newest.grid_ns != 0) manifests_.grid = Grid{newest.first_segment, newest.start, newest.grid_ns};
  return manifests_;
}

}  // namespace millrace::packaging
