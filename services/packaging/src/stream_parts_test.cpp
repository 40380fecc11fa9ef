// Streams with parts: what is listed of them, and their bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

constexpr std::uint32_t kPartUs = 80'000;  // two pictures; of sound five frames and then four
const WindowPolicy kPolicy{.segments = 4};

class StreamPartsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(directory_.path());
    ASSERT_NE(arena_, nullptr);
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }

  static TestPublisher::Options with_parts() {
    TestPublisher::Options options;
    options.part_us = kPartUs;
    return options;
  }
  StreamLogs logs() { return {sources(reader_, "s1")}; }
  std::shared_ptr<const StreamView> view_of(StreamPackage& package) {
    while (package.update(logs(), 0).more) {
    }
    return package.view();
  }
  std::shared_ptr<const StreamView> fresh_view() {
    StreamPackage package("s1", kPolicy);
    return view_of(package);
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
};

std::string list_of(const StreamView& view, std::string_view rendition,
                    PlaylistForm form = PlaylistForm::kFull) {
  return *view.rendition(rendition)->playlist->text(form).text;
}

std::vector<std::string> lines_with(const std::string& text, std::string_view begin) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin)) found.push_back(line);
  }
  return found;
}

std::string uri_in(const std::string& tag) {
  const std::size_t begin = tag.find("URI=\"") + 5;
  return tag.substr(begin, tag.find('"', begin) - begin);
}

std::string bytes_of(const std::shared_ptr<const SegmentFile>& file) {
  EXPECT_NE(file, nullptr);
  std::string bytes;
  if (file) {
    for (const ByteView region : file->regions) bytes += as_text(region);
    EXPECT_EQ(bytes.size(), file->size);
  }
  return bytes;
}

std::string part_bytes(const StreamView& view, std::string_view rendition, const std::string& name) {
  const auto place = view.find(*view.rendition(rendition), parse_part_name(name).value());
  EXPECT_TRUE(place) << name;
  return place ? bytes_of(place->segment->part_file(place->track, place->index)) : "";
}

std::string hint_in(const std::string& list) {
  const auto hints = lines_with(list, "#EXT-X-PRELOAD-HINT:TYPE=PART");
  EXPECT_EQ(hints.size(), 1U) << list;
  return hints.empty() ? "" : uri_in(hints[0]);
}

TEST_F(StreamPartsTest, ListsPartsTheNextOneAndTheOtherRenditions) {
  TestPublisher publisher(*arena_, with_parts());
  publisher.groups(1);
  for (int frame = 0; frame < 3; ++frame) publisher.frame(0);
  const auto view = fresh_view();
  const std::string first = std::to_string(1'800'000'000'000 / 500);
  const std::string growing = std::to_string(1'800'000'000'000 / 500 + 1);
  const std::string pub = "-00000000000000a1-0.m4s";
  EXPECT_EQ(list_of(*view, "v0"),
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n"
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6.000,CAN-SKIP-DATERANGES=YES,"
            "HOLD-BACK=3.000,PART-HOLD-BACK=0.240\n#EXT-X-PART-INF:PART-TARGET=0.080\n"
            "#EXT-X-MEDIA-SEQUENCE:" +
                first + "\n#EXT-X-DISCONTINUITY-SEQUENCE:256\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
                "#EXT-X-MAP:URI=\"init-00000000000000a1-0-0.mp4\"\n"
                "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z\n"
                "#EXT-X-PART:DURATION=0.080,URI=\"p1" +
                pub + "\",INDEPENDENT=YES\n" + "#EXT-X-PART:DURATION=0.080,URI=\"p2" + pub + "\"\n" +
                "#EXT-X-PART:DURATION=0.040,URI=\"p3" + pub + "\"\n" + "#EXTINF:0.200,\n" + first + pub +
                "\n#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.200Z\n"
                "#EXT-X-PART:DURATION=0.080,URI=\"p4" +
                pub + "\",INDEPENDENT=YES\n" + "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p5" + pub + "\"\n" +
                "#EXT-X-RENDITION-REPORT:URI=\"../a0/index.m3u8\",LAST-MSN=" + growing + ",LAST-PART=0\n");
  const std::string sound = list_of(*view, "a0");
  for (const std::string& part : lines_with(sound, "#EXT-X-PART:"))
    EXPECT_NE(part.find(",INDEPENDENT=YES"), std::string::npos) << part;
  EXPECT_EQ(lines_with(sound, "#EXT-X-RENDITION-REPORT").at(0),
            "#EXT-X-RENDITION-REPORT:URI=\"../v0/index.m3u8\",LAST-MSN=" + growing + ",LAST-PART=0");
}

TEST_F(StreamPartsTest, SaysNothingOfPartsInAPlainList) {
  TestPublisher publisher(*arena_, with_parts());
  publisher.groups(6);
  publisher.frame(0);
  const auto view = fresh_view();
  for (const char* const rendition : {"v0", "a0"}) {
    const std::string plain = list_of(*view, rendition, PlaylistForm::kPlain);
    for (const char* const tag : {"PART", "PRELOAD", "REPORT", "SERVER-CONTROL"})
      EXPECT_EQ(plain.find(tag), std::string::npos) << plain;
    EXPECT_TRUE(plain.starts_with("#EXTM3U\n#EXT-X-VERSION:8\n"));
    EXPECT_EQ(lines_with(plain, "#EXTINF"), lines_with(list_of(*view, rendition), "#EXTINF"));
  }
  const std::string master = *view->multivariant_playlist->text(PlaylistForm::kPlain).text;
  EXPECT_NE(master.find("\nv0/index.m3u8?ll=0\n"), std::string::npos) << master;
  EXPECT_NE(master.find("URI=\"a0/index.m3u8?ll=0\""), std::string::npos) << master;
}

// Whatever a list says, at any moment: each part is where it says, and a segment is its parts in a row.
TEST_F(StreamPartsTest, MakesASegmentOfTheBytesOfItsParts) {
  TestPublisher::Options options = with_parts();
  options.further_tracks = true;
  TestPublisher publisher(*arena_, options);
  StreamPackage steady("s1", kPolicy);
  std::map<std::string, std::string> known;  // by rendition and name
  std::map<std::string, std::string> hinted;
  std::size_t hints_come_true = 0;
  std::size_t compared = 0;
  for (int frame = 0; frame < 60; ++frame) {
    if (frame == 23) publisher.configure_video(0x0B);
    publisher.frame(0);
    const auto view = view_of(steady);
    const auto restarted = fresh_view();
    ASSERT_EQ(view == nullptr, restarted == nullptr);
    if (!view) continue;
    for (const char* const rendition : {"v0", "a0", "v1", "a2"}) {
      const std::string list = list_of(*view, rendition);
      ASSERT_EQ(list, list_of(*restarted, rendition)) << frame;
      std::string& hint = hinted[rendition];
      if (!hint.empty() && list.find("PART:DURATION") < list.find(hint) && hint != hint_in(list))
        ++hints_come_true;
      hint = hint_in(list);
      std::string row;  // parts since the last segment
      std::istringstream lines(list);
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("#EXT-X-PART:")) {
          const std::string name = uri_in(line);
          const std::string bytes = part_bytes(*view, rendition, name);
          ASSERT_EQ(known.emplace(rendition + name, bytes).first->second, bytes) << name;
          ASSERT_EQ(part_bytes(*restarted, rendition, name), bytes);
          row += bytes;
        } else if (const auto segment = parse_segment_name(line)) {
          if (row.empty()) continue;  // its parts are listed no more
          const SegmentPlace& place = view->segment(*view->rendition(rendition), *segment);
          const auto file = place.segment->file(place.track);
          ASSERT_EQ(bytes_of(file), row) << line;
          ++compared;
          row.clear();
        }
      }
    }
  }
  EXPECT_GT(hints_come_true, 60U);
  EXPECT_GT(compared, 200U);
  EXPECT_GT(known.size(), 100U);
}

TEST_F(StreamPartsTest, CountsThePartsInTheirHeadersAndBeginsASegmentWithItsType) {
  TestPublisher publisher(*arena_, with_parts());
  publisher.groups(2);
  publisher.frame(0);
  const auto view = fresh_view();
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack}) {
    const OfferedSegment& offered = *view->offered[1];
    const auto& parts = offered.segment().track(track)->parts;
    std::int64_t dts = parts.front().first_dts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string bytes = bytes_of(offered.part_file(track, i));
      mp4::BoxReader boxes(as_bytes(bytes));
      if (i == 0) {
        EXPECT_EQ(boxes.next()->type, mp4::four_cc("styp"));
      }
      EXPECT_EQ(boxes.next()->type, mp4::four_cc("prft"));
      const auto moof = boxes.next();
      const auto header = mp4::read_fragment(moof->payload).value();
      EXPECT_EQ(header.sequence_number, parts[i].number);
      ASSERT_EQ(header.runs.size(), 1U);
      EXPECT_EQ(header.runs[0].base_decode_time, dts) << "where the one before ended";
      for (const mp4::FragmentSample& sample : header.runs[0].samples) dts += sample.duration;
      EXPECT_EQ(header.runs[0].samples.size(), parts[i].samples);
      EXPECT_EQ(boxes.next()->type, mp4::four_cc("mdat"));
      EXPECT_FALSE(boxes.next());
    }
    EXPECT_EQ(dts, view->offered[1]->segment().track(track)->last_dts +
                       view->offered[1]->segment().track(track)->last_duration);
  }
}

TEST_F(StreamPartsTest, ListsPartsOfTheLastThreeTargetDurationsAndOffersThemForLonger) {
  TestPublisher publisher(*arena_, with_parts());
  StreamPackage package("s1", WindowPolicy{.segments = 30});
  std::map<std::string, int> delisted;  // part -> group
  std::vector<std::string> before;
  for (int group = 0; group < 60; ++group) {
    publisher.groups(1);
    const auto view = view_of(package);
    if (!view) continue;
    std::vector<std::string> parts;
    for (const std::string& line : lines_with(list_of(*view, "v0"), "#EXT-X-PART:"))
      parts.push_back(uri_in(line));
    for (const std::string& part : before) {
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) delisted.emplace(part, group);
    }
    for (const auto& [part, when] : delisted) {
      if (group - when > 15) continue;
      EXPECT_NE(part_bytes(*view, "v0", part), "") << "three targets of a second";
    }
    if (group > 20) {
      EXPECT_EQ(parts.size(), 15 * 3 + 2U) << "and of the one that grows";
    }
    before = parts;
  }
  EXPECT_GT(delisted.size(), 50U);
}

TEST_F(StreamPartsTest, GivesADeltaUpdateThatWithTheListBeforeIsTheNewOne) {
  TestPublisher publisher(*arena_, with_parts());
  publisher.groups(60);
  publisher.frame(0);
  StreamPackage package("s1", WindowPolicy{.segments = 50});
  const auto view = view_of(package);
  const std::string full = list_of(*view, "v0");
  const std::string delta = list_of(*view, "v0", PlaylistForm::kDelta);
  const auto all = lines_with(full, "#EXTINF");
  const auto kept = lines_with(delta, "#EXTINF");
  ASSERT_EQ(all.size(), 50U);
  EXPECT_EQ(kept.size(), 31U) << "six targets of five segments, and the one that ends there";
  EXPECT_EQ(lines_with(delta, "#EXT-X-SKIP").at(0), "#EXT-X-SKIP:SKIPPED-SEGMENTS=19");
  EXPECT_EQ(delta.substr(delta.find("#EXT-X-PROGRAM-DATE-TIME")),
            full.substr(full.size() - (delta.size() - delta.find("#EXT-X-PROGRAM-DATE-TIME"))));
  EXPECT_EQ(lines_with(list_of(*view, "v0", PlaylistForm::kDeltaOfDates), "#EXT-X-VERSION").at(0),
            "#EXT-X-VERSION:10");
}

TEST_F(StreamPartsTest, ReportsTheOtherListsEnds) {
  TestPublisher::Options options = with_parts();
  options.further_tracks = true;
  TestPublisher publisher(*arena_, options);
  publisher.groups(3);
  for (int frame = 0; frame < 10; ++frame) {
    publisher.frame(0);
    const auto view = fresh_view();
    for (const char* const rendition : {"v0", "a0", "v1", "a2"}) {
      const std::string list = list_of(*view, rendition);
      const auto reports = lines_with(list, "#EXT-X-RENDITION-REPORT");
      EXPECT_EQ(reports.size(), 3U);
      for (const std::string& report : reports) {
        const std::string uri = uri_in(report);
        const auto& end = view->rendition(uri.substr(3, 2))->list_end;
        const bool grows = end.parts_of_growing > 0;
        EXPECT_NE(
            report.find(",LAST-MSN=" + std::to_string(end.last_segment + (grows ? 1 : 0)) + ",LAST-PART=" +
                        std::to_string((grows ? end.parts_of_growing : end.parts_of_last) - 1)),
            std::string::npos)
            << report;
        EXPECT_EQ(
            lines_with(
                list_of(*view, uri.substr(3, 2)).substr(list_of(*view, uri.substr(3, 2)).rfind("#EXTINF")),
                "#EXT-X-PART:")
                .size(),
            end.parts_of_growing);
      }
    }
  }
}

// Sound that has been silent for a segment: its list goes on part by part. What has been shown as a gap
// stays one, also when sound comes back in that segment.
TEST_F(StreamPartsTest, GoesOnWithPartsOfAGapWhereATrackIsSilent) {
  TestPublisher publisher(*arena_, with_parts());
  StreamPackage package("s1", kPolicy);
  publisher.groups(3);
  publisher.silence(true);
  publisher.groups(2);
  std::set<std::string> gaps;
  for (int frame = 0; frame < 4; ++frame) {
    publisher.frame(0);
    for (const std::string& line : lines_with(list_of(*view_of(package), "a0"), "#EXT-X-PART:")) {
      if (line.find("GAP=YES") != std::string::npos) gaps.insert(uri_in(line));
    }
  }
  EXPECT_GE(gaps.size(), 4U);
  publisher.silence(false);
  publisher.groups(1);
  const std::string back = list_of(*view_of(package), "a0");
  for (const std::string& gap : gaps) EXPECT_NE(back.find(gap), std::string::npos) << gap << "\n" << back;
  publisher.groups(2);
  const auto view = view_of(package);
  const std::string after = list_of(*view, "a0");
  EXPECT_EQ(after.substr(after.rfind("#EXTINF")).find("GAP"), std::string::npos) << after;
  EXPECT_EQ(after, list_of(*fresh_view(), "a0"));
  std::istringstream lines(after);
  bool gap_parts = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#EXT-X-PART:")) gap_parts = line.find("GAP=YES") != std::string::npos;
    if (line == "#EXT-X-GAP") {
      EXPECT_TRUE(gap_parts) << after;
    } else if (line.starts_with("#EXT-X-PART:") && gap_parts) {
      EXPECT_FALSE(parse_part_name(uri_in(line))) << "nobody will ever find something there";
    }
  }
}

TEST_F(StreamPartsTest, GoesOnFromPublicationToPublication) {
  {
    TestPublisher first(*arena_, with_parts());
    first.groups(3);
    first.log().end(media::LogEnd::kDisconnected);
  }
  StreamPackage package("s1", kPolicy);
  const auto between = view_of(package);
  EXPECT_EQ(list_of(*between, "v0").find("PRELOAD-HINT"), std::string::npos) << "nobody knows what comes";
  EXPECT_EQ(between->growing, nullptr);
  TestPublisher::Options options = with_parts();
  options.publication_id = PublicationId{0xB2};
  options.epoch = Epoch{2};
  TestPublisher second(*arena_, options);
  second.frame(0);
  const std::string begun = list_of(*view_of(package), "v0");
  EXPECT_NE(begun.find("#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"init-00000000000000b2-0-0.mp4\"\n"
                       "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p1-00000000000000b2-0.m4s\"\n"),
            std::string::npos)
      << begun;
  EXPECT_TRUE(package.view()->rendition("v0")->init_segments.contains("init-00000000000000b2-0-0.mp4"));
  for (int frame = 0; frame < 3; ++frame) second.frame(0);
  const std::string later = list_of(*view_of(package), "v0");
  EXPECT_NE(later.find("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000b2-0-0.mp4\"\n"
                       "#EXT-X-PROGRAM-DATE-TIME:"),
            std::string::npos)
      << later;
  EXPECT_EQ(later.find("TYPE=MAP"), std::string::npos);
  EXPECT_GT(lines_with(begun, "#EXT-X-PART:").size(), 3U);
  for (const std::string& part : lines_with(later, "#EXT-X-PART:"))
    EXPECT_NE(part.find("-00000000000000b2-"), std::string::npos)
        << "before a break no part is listed: " << part;
  EXPECT_NE(later.find("p1-00000000000000b2-0.m4s\",INDEPENDENT=YES\n"), std::string::npos);
}

TEST_F(StreamPartsTest, TellsEachPartOnceWhenItIsListed) {
  TestPublisher publisher(*arena_, with_parts());
  StreamPackage package("s1", kPolicy);
  std::vector<std::int64_t> told;
  std::int64_t now_us = 1'000;
  for (int frame = 0; frame < 41; ++frame) {
    publisher.frame(now_us);
    const auto update = package.update(logs(), now_us);
    for (const std::int64_t closed_us : update.parts_closed_us) {
      EXPECT_EQ(closed_us, now_us) << "as soon as it is closed";
      told.push_back(closed_us);
    }
    if (!update.parts_closed_us.empty()) {
      EXPECT_EQ(package.view()->newest_us, now_us);
    }
    now_us += 1'000;
  }
  EXPECT_EQ(told.size(), 2 * 7 * 3U) << "none of those that were there at first";
}

}  // namespace
}  // namespace millrace::packaging
