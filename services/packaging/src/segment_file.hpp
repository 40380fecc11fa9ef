// A segment as a file: moof and mdat header in memory, samples where they are in the media log. Media bytes
// are never copied; the sender of the parts asks intact() after use.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "segment.hpp"
#include "shared_log.hpp"

namespace millrace::packaging {

// Immutable but for the log under it. Any thread.
struct SegmentFile {
  Bytes header;
  std::vector<ByteView> parts;  // header, then every sample's payload in the order of the fragment's runs
  std::uint64_t size = 0;
  std::vector<media::SampleRecord> watched;  // one per block used: these being intact means that all are
  std::shared_ptr<SharedLog> log;

  bool intact() const { return log->intact(watched); }
};

// A pure function of the segment and its records: the same bytes whenever and by whomever it is made.
// "packaging.recycled": not all of its records are in the log any more.
Result<std::shared_ptr<const SegmentFile>> assemble(const Segment& segment, std::shared_ptr<SharedLog> log);

// A segment on offer; its file is made at the first request and shared by the next ones. Any thread.
class OfferedSegment {
 public:
  OfferedSegment(const Segment& segment, std::shared_ptr<SharedLog> log);
  const Segment& segment() const { return segment_; }
  const std::string& etag() const { return etag_; }
  const std::shared_ptr<SharedLog>& log() const { return log_; }
  // nullptr when the log has recycled a part of it.
  std::shared_ptr<const SegmentFile> file() const;

 private:
  const Segment segment_;
  const std::string etag_;
  const std::shared_ptr<SharedLog> log_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const SegmentFile> file_;
};

}  // namespace millrace::packaging
