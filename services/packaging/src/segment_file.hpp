// A track's share of a segment as a file: styp, moof and mdat header in memory, samples where they are in the
// media log. Media bytes are never copied; the sender of the parts asks intact() after use.
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
  std::uint8_t track = 0;
  Bytes header;
  std::vector<ByteView> parts;  // header, then every sample's payload in decode order
  std::uint64_t size = 0;
  std::vector<media::SampleRecord> watched;  // one per block used: these being intact means that all are
  std::shared_ptr<SharedLog> log;

  bool intact() const { return log->intact(watched); }
};

// The files of all tracks of the segment, as Segment::tracks has them, from one reading of its records. A
// pure function of both: the same bytes whenever and by whomever they are made. "packaging.recycled": not all
// of its records are in the log any more.
Result<std::vector<std::shared_ptr<const SegmentFile>>> assemble(const Segment& segment,
                                                                 const std::shared_ptr<SharedLog>& log);

// A segment on offer; its files are made at the first request for one of them and shared by the next ones.
// Any thread.
class OfferedSegment {
 public:
  OfferedSegment(Segment segment, std::shared_ptr<SharedLog> log);
  const Segment& segment() const { return segment_; }
  // Of each of its files: they differ in their URLs.
  const std::string& etag() const { return etag_; }
  const std::shared_ptr<SharedLog>& log() const { return log_; }
  // nullptr when the segment has no sample of the track, or the log has recycled a part of it.
  std::shared_ptr<const SegmentFile> file(std::uint8_t track) const;

 private:
  const Segment segment_;
  const std::string etag_;
  const std::shared_ptr<SharedLog> log_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const SegmentFile>> files_;
};

}  // namespace millrace::packaging
