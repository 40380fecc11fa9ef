#include "past_names.hpp"

#include <gtest/gtest.h>

#include "offering_script.hpp"

namespace millrace::packaging {
namespace {

// What the script's pictures have had, with two parts a segment, the first of which has the number 7.
PastNames past_of(const OfferingScript& script) {
  PastNames past;
  std::uint32_t number = 7;
  const Rendition& pictures = script.offering.renditions[0];
  for (std::size_t i = 0; i < pictures.segments.size(); ++i) {
    if (!pictures.segments[i]) continue;
    RenditionSegment own = *pictures.segments[i];
    for (int part = 0; part < 2; ++part) {
      Part next;
      next.number = number++;
      own.span.parts.push_back(next);
    }
    past.add(script.offering.listing.offered[i], own);
  }
  return past;
}

SegmentName segment(std::uint64_t number, std::uint64_t publication = 0xA1, std::uint32_t incarnation = 0) {
  return {PublicationId{publication}, incarnation, number};
}

PartName part(std::uint32_t number, std::uint64_t publication = 0xA1) {
  return {PublicationId{publication}, 0, number};
}

TEST(PastNames, KnowsWhatWasAndNothingElse) {
  OfferingScript script;
  script.segments(3);  // 41 to 43
  const PastNames past = past_of(script);
  EXPECT_EQ(past.newest(), 43U);
  for (const std::uint64_t number : {41, 42, 43}) EXPECT_TRUE(past.had(segment(number))) << number;
  for (const SegmentName& name :
       {segment(40), segment(44), segment(0), segment(42, 0xA2), segment(42, 0xA1, 1)})
    EXPECT_FALSE(past.had(name)) << to_string(name);
  for (const std::uint32_t number : {7, 12}) EXPECT_TRUE(past.had(part(number))) << number;
  for (const PartName& name : {part(6), part(13), part(8, 0xA2)})
    EXPECT_FALSE(past.had(name)) << to_string(name);
  EXPECT_TRUE(past.had(InitName{PublicationId{0xA1}, 0, 0}));
  EXPECT_FALSE(past.had(InitName{PublicationId{0xA1}, 0, 1}));
  EXPECT_FALSE(past.had(InitName{PublicationId{0xA2}, 0, 0}));
}

// A track that was silent, a publisher that was away, and the next publication.
TEST(PastNames, TakesNoGapForWhatWas) {
  OfferingScript script;
  script.segments(2);
  script.video = false;
  script.segment();
  script.video = true;
  script.segment().gaps(2);
  script.publication = PublicationId{0xA2};
  script.segments(2);  // 47 and 48
  const PastNames past = past_of(script);
  for (const SegmentName& name : {segment(42), segment(44), segment(47, 0xA2), segment(48, 0xA2)})
    EXPECT_TRUE(past.had(name)) << to_string(name);
  for (const SegmentName& name : {segment(43), segment(45), segment(45, 0xF), segment(47), segment(44, 0xA2)})
    EXPECT_FALSE(past.had(name)) << to_string(name);
  EXPECT_TRUE(past.had(InitName{PublicationId{0xA2}, 0, 0}));
}

TEST(PastNames, ForgetsTheOldest) {
  OfferingScript script;
  for (std::uint64_t publication = 1; publication <= PastNames::kMostRuns + 1; ++publication) {
    script.publication = PublicationId{publication};
    script.segment();
  }
  const PastNames past = past_of(script);
  EXPECT_FALSE(past.had(segment(41, 1)));
  EXPECT_FALSE(past.had(InitName{PublicationId{1}, 0, 0}));
  EXPECT_TRUE(past.had(segment(42, 2)));
  EXPECT_TRUE(past.had(segment(41 + PastNames::kMostRuns, PastNames::kMostRuns + 1)));
}

}  // namespace
}  // namespace millrace::packaging
