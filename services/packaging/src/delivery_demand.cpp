// Which of a ladder's renditions players ask for.
#include "delivery.hpp"
#include "list_request.hpp"

namespace millrace::packaging {

// nullopt: it is not made on demand, or this one has asked before and waits.
std::optional<RenditionDemand::Asked> Delivery::asked(const Question& question,
                                                      const RenditionView& rendition) const {
  const Listing& listing = question.view.offering->listing;
  const std::size_t end = listing.media_end();
  if (demand_ == nullptr || !rendition.is_planned || question.again || end == 0) return std::nullopt;
  const std::int64_t target_us = question.view.target_duration_seconds * std::int64_t{1'000'000};
  return RenditionDemand::Asked{.stream_id = question.view.stream_id,
                                .publication_id = listing.offered[end - 1].publication_id,
                                .rendition = question.path.rendition,
                                .now_us = question.now_us,
                                .expires_us = question.now_us + kPatienceTargets * target_us};
}

void Delivery::want(const Question& question, const RenditionView& rendition, std::uint64_t media_sequence) {
  auto wanted = asked(question, rendition);
  if (!wanted || question.request.method != http::Method::kGet) return;
  wanted->media_sequence = media_sequence;
  demand_->ask(*wanted);
}

void Delivery::read_list(const Question& question, const RenditionView& rendition, bool waits) {
  if (waits) return want(question, rendition, 0);
  const auto wanted = asked(question, rendition);
  if (wanted && question.request.method == http::Method::kGet)
    demand_->read(*wanted, question.request.peer_address, viewer_name(question.request));
}

}  // namespace millrace::packaging
