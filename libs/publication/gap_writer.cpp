#include "publication/gap_writer.hpp"

#include <algorithm>

namespace millrace::publication {

GapPieces GapPieces::of(const media::StreamContinuation& stream) {
  const std::int64_t segment_us = std::max<std::int64_t>(std::int64_t{stream.segment_target_ms} * 1000, 1000);
  const std::int64_t part_us = stream.part_target_us;
  if (part_us == 0) return {segment_us, 1, false};
  const std::int64_t count = (segment_us + part_us - 1) / part_us;
  return {segment_us / count, static_cast<std::uint32_t>(count), true};
}

GapWriter::GapWriter(std::unique_ptr<media::LogWriter> log, std::int64_t began_us, WallTime began)
    : log_(std::move(log)),
      pieces_(GapPieces::of(log_->continuation())),
      media_sequence_(log_->continuation().last_media_sequence),
      discontinuity_sequence_(log_->continuation().last_discontinuity_sequence),
      written_(pieces_.in_segment),
      began_us_(began_us),
      began_(began),
      piece_us_(began_us) {}

Result<std::uint64_t> GapWriter::advance(std::int64_t now_us) {
  const std::int64_t over = std::max<std::int64_t>(now_us - piece_us_, 0) / pieces_.length_us;
  if (over > kMostAtOnce) piece_us_ += (over - kMostAtOnce) * pieces_.length_us;
  std::uint64_t written = 0;
  for (; due_us() <= now_us; ++written) {
    const media::SampleRecord record = next_piece();
    if (const auto committed = log_->commit_gap(record); !committed)
      return tl::unexpected<Error>(committed.error());
    written_ = (record.flags & media::kSampleSegmentStart) != 0 ? 1 : written_ + 1;
    media_sequence_ = record.media_sequence;
    part_ = record.part;
    piece_us_ += pieces_.length_us;
  }
  return written;
}

media::SampleRecord GapWriter::next_piece() const {
  const bool begins = written_ == pieces_.in_segment;
  const bool ends = (begins ? 1 : written_ + 1) == pieces_.in_segment;
  media::SampleRecord record{};
  record.dts = piece_us_ - began_us_;
  record.gap_us = static_cast<std::uint32_t>(pieces_.length_us);
  record.arrival_us = record.origin_arrival_us = due_us();
  record.presented_wall = began_ + record.dts;
  record.media_sequence = media_sequence_ + (begins ? 1 : 0);
  record.discontinuity_sequence = discontinuity_sequence_;
  record.part = pieces_.are_parts ? part_ + 1 : 0;
  record.flags = static_cast<std::uint16_t>(media::kSampleGap | (begins ? media::kSampleSegmentStart : 0) |
                                            (ends ? media::kSampleSegmentEnd : 0));
  return record;
}

}  // namespace millrace::publication
