// A stream and a rendition of it, in arenas of their own, for tests of ladders.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {

constexpr std::uint32_t kPartUs = 80'000;
constexpr std::int64_t kSecond = 1'000'000;  // the target duration
constexpr std::int64_t kFramesOfGroup = 5;
inline const WindowPolicy kPolicy{.segments = 10};

class LadderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    source_arena_ = make_arena(directory_.path());
    made_arena_ = make_arena(directory_.path(), "transcoder-s1");
    ASSERT_TRUE(source_arena_ && made_arena_);
    source_reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
    made_reader_ = media::ArenaReader::open(directory_.path(), "transcoder-s1", "test").value();
    TestPublisher::Options options;
    options.part_us = kPartUs;
    source_ = std::make_unique<TestPublisher>(*source_arena_, options);
  }

  std::unique_ptr<TestPublisher> make(std::uint32_t incarnation = 1, std::int64_t first_group = 0,
                                      const std::string& name = "v0-180p", std::uint64_t ids = 0xB00) {
    TestPublisher::Options options;
    options.publication_id = PublicationId{ids + incarnation};
    options.role = media::LogRole::kRendition;
    options.rendition = name;
    options.origin = PublicationId{0xA1};
    options.incarnation = incarnation;
    options.audio = false;
    options.part_us = kPartUs;
    options.first_frame = first_group * kFramesOfGroup;
    auto made = std::make_unique<TestPublisher>(*made_arena_, options);
    for (std::int64_t i = 0; i < options.first_frame; ++i) made->frame(0);
    return made;
  }

  StreamLogs logs() {
    StreamLogs logs{sources(source_reader_)};
    for (media::LogInfo& info : made_reader_->logs(media::LogRole::kRendition))
      logs.renditions.push_back({made_reader_, std::move(info)});
    return logs;
  }
  std::shared_ptr<const StreamView> view_of(StreamPackage& package, std::int64_t now_us = 0) {
    while (package.update(logs(), now_us).more) {
    }
    return package.view();
  }
  std::shared_ptr<const StreamView> fresh_view(std::int64_t now_us = 0) {
    StreamPackage package("s1", kPolicy);
    return view_of(package, now_us);
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> source_arena_, made_arena_;
  std::shared_ptr<media::ArenaReader> source_reader_, made_reader_;
  std::unique_ptr<TestPublisher> source_;
};

inline std::string list_of(const StreamView& view, std::string_view rendition,
                           PlaylistForm form = PlaylistForm::kFull) {
  return *view.rendition(rendition)->playlist->text(form).text;
}

inline std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// Names of whole segments, as the list has them.
inline std::vector<std::string> segments_of(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream lines(list);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != '#') names.push_back(line);
  }
  return names;
}

}  // namespace millrace::packaging
