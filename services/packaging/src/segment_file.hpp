// A track's share of a segment, or a part of it, as a file: styp, when its first sample came (prft), messages
// (emsg), moof and mdat header in memory, samples where they are in the media log. Media bytes are never
// copied; the sender of the regions asks intact() after use.
//
// A segment that has parts is the files of its parts in a row, each a moof and an mdat; the first has the
// styp. mfhd counts the track's parts then, else the segments.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "containers/mp4/fragment.hpp"
#include "segment.hpp"
#include "shared_log.hpp"

namespace millrace::packaging {

// Immutable but for the log under it. Any thread.
struct SegmentFile {
  std::uint8_t track = 0;
  Bytes header;                   // empty: those of the pieces
  std::vector<ByteView> regions;  // header, then every sample's payload in decode order; or the pieces'
  std::uint64_t size = 0;
  std::vector<media::SampleRecord> watched;  // one per block used: these being intact means that all are
  std::shared_ptr<SharedLog> log;
  std::vector<std::shared_ptr<const SegmentFile>> pieces;  // whose regions these are: of a segment with parts

  bool intact() const { return log->intact(watched); }
};

// What stands before the samples of a part, or of a segment without parts: the same whether they are in the
// log or recorded. begins: a segment. wall: of its first sample. events: boxes of messages.
Bytes media_header(std::uint32_t number, bool begins, const mp4::TrackRun& run, WallTime wall,
                   ByteView events);

using SegmentFiles = std::vector<std::shared_ptr<const SegmentFile>>;

// The files of all tracks of the segment, as Segment::tracks has them, that have no parts: from one reading
// of its records. A pure function of both: the same bytes whenever and by whomever they are made.
// "packaging.recycled": not all of its records are in the log any more.
Result<SegmentFiles> assemble(const Segment& segment, const std::shared_ptr<SharedLog>& log);

// The file of span.parts[index], of the segment. The same errors.
Result<std::shared_ptr<const SegmentFile>> assemble_part(const TrackSpan& span, std::size_t index,
                                                         const std::shared_ptr<SharedLog>& log);

// The files of one track's parts as one. Precondition: at least one.
std::shared_ptr<const SegmentFile> join(SegmentFiles pieces);

// The files of a segment's parts, each made at the first request for it and kept while the segment grows
// and is offered. Any thread.
class PartFiles {
 public:
  // nullptr: the log has recycled a piece of it.
  std::shared_ptr<const SegmentFile> file(const TrackSpan& span, std::size_t index,
                                          const std::shared_ptr<SharedLog>& log);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::uint8_t, std::size_t>, std::shared_ptr<const SegmentFile>> files_;  // track, index
};

// A segment on offer, whole or growing; its files are made at the first request for one of them and shared by
// the next ones. Any thread.
class OfferedSegment {
 public:
  // files: of the same segment as it was before.
  OfferedSegment(Segment segment, std::shared_ptr<SharedLog> log,
                 std::shared_ptr<PartFiles> files = std::make_shared<PartFiles>());
  const Segment& segment() const { return segment_; }
  // Of each of its files: they differ in their URLs.
  const std::string& etag() const { return etag_; }
  const std::shared_ptr<SharedLog>& log() const { return log_; }
  const std::shared_ptr<PartFiles>& part_files() const { return part_files_; }
  // nullptr when the segment has no sample of the track, or the log has recycled a piece of it. Of one that
  // grows: what there is.
  std::shared_ptr<const SegmentFile> file(std::uint8_t track) const;
  // The file of the track's part with that index; the same.
  std::shared_ptr<const SegmentFile> part_file(std::uint8_t track, std::size_t index) const;

 private:
  std::shared_ptr<const SegmentFile> joined(const TrackSpan& span) const;

  const Segment segment_;
  const std::string etag_;
  const std::shared_ptr<SharedLog> log_;
  const std::shared_ptr<PartFiles> part_files_;
  mutable std::mutex mutex_;
  mutable SegmentFiles files_;  // of tracks without parts
};

}  // namespace millrace::packaging
