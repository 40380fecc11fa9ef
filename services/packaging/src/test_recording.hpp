// What recording keeps of a log, for tests of who reads it: the file's boxes as it lays them out, live or
// finished. The real program's files: tests/e2e/dvr_test.py.
#pragma once

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "containers/mp4/box_writer.hpp"
#include "media/arena_reader.hpp"
#include "media/recorded_log.hpp"

namespace millrace::packaging {

class TestRecording {
 public:
  // All that the log has by now and was not taken yet, a fragment for each segment; the last one's too.
  void take(media::LogReader& reader) {
    const media::LogInfo info = reader.info();
    media::RecordedPiece piece;
    std::map<std::uint8_t, Bytes> payloads;
    for (std::uint64_t sequence = std::max(next_, info.first); sequence < info.committed; ++sequence) {
      const auto sample = reader.at(sequence);
      const bool begins = !piece.samples.empty() &&
                          piece.samples.back().record.media_sequence != sample->record.media_sequence;
      if (begins) flush(reader, info, piece, payloads);
      const bool kept = sample->record.track != media::kDataTrack;
      piece.samples.push_back({sample->record, kept});
      Bytes& payload = payloads[sample->record.track];
      if (kept) payload.insert(payload.end(), sample->payload.begin(), sample->payload.end());
      if (kept) insert(piece.samples.back(), payload);
      if (sample->record.track == media::kDataTrack)
        piece.samples.back().data.assign(sample->payload.begin(), sample->payload.end());
    }
    if (!piece.samples.empty()) flush(reader, info, piece, payloads);
    next_ = info.committed;
  }
  // Another log's records from the first one on.
  void begin_log() { next_ = 0; }
  // Records that were never recorded.
  void skip_to(std::uint64_t sequence) { next_ = sequence; }
  // Each key frame from now on is given so many bytes in front, as if they were parameter sets.
  void insert_bytes(std::uint32_t count) { inserted_ = count; }

  Bytes live() const {
    ByteWriter writer;
    box(writer, "ftyp", {});
    box(writer, "moov", {});
    journal(writer);
    for (const Fragment& fragment : fragments_) {
      box(writer, "moof", Bytes(17));
      box(writer, "mdat", fragment.media);
      writer.append(fragment.box);
      journal(writer);
    }
    return writer.take();
  }
  Bytes finished() const {
    ByteWriter writer;
    Bytes media;
    for (const Fragment& fragment : fragments_)
      media.insert(media.end(), fragment.media.begin(), fragment.media.end());
    box(writer, "ftyp", {});
    box(writer, "moov", Bytes(99));
    box(writer, "mdat", media);
    for (const Fragment& fragment : fragments_) writer.append(fragment.box);
    journal(writer);
    return writer.take();
  }

 private:
  struct Fragment {
    Bytes media, box;
  };

  static void box(ByteWriter& writer, std::string_view type, const Bytes& payload) {
    const mp4::Box box(writer, type);
    writer.append(payload);
  }
  static void journal(ByteWriter& writer) { box(writer, "uuid", Bytes(60, 0x4A)); }

  void insert(media::RecordedSample& sample, Bytes& payload) const {
    if (inserted_ == 0 || (sample.record.flags & media::kSampleKey) == 0) return;
    sample.inserted_at = std::min(sample.record.size, 3U);
    sample.inserted_bytes = inserted_;
    payload.insert(payload.end() - (sample.record.size - sample.inserted_at), inserted_, 0xEE);
  }

  void flush(media::LogReader& reader, const media::LogInfo& info, media::RecordedPiece& piece,
             std::map<std::uint8_t, Bytes>& payloads) {
    piece.log = {info.publication_id,         info.incarnation,       info.is_private,
                 info.first_sequence,         info.target_duration_s, info.part_target_us,
                 info.first_dependent_segment};
    piece.bytes_before = bytes_;
    for (std::uint32_t i = 0; i < reader.configuration_count(); ++i) {
      const auto configuration = reader.configuration(i);
      piece.configurations.push_back({configuration->description, configuration->bytes});
    }
    for (auto& sample : piece.samples) {
      media::SampleRecord& record = sample.record;  // as it is read back
      record.block = record.generation = record.offset = 0;
      if (sample.data.empty()) record.wire_timestamp_ms = 0;
    }
    Fragment fragment;
    for (const auto& [track, payload] : payloads)
      fragment.media.insert(fragment.media.end(), payload.begin(), payload.end());
    fragment.box = media::write_recorded_piece(piece);
    bytes_ += fragment.media.size();
    fragments_.push_back(std::move(fragment));
    piece = {};
    payloads.clear();
  }

  std::vector<Fragment> fragments_;
  std::uint64_t next_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint32_t inserted_ = 0;
};

// The same file, where it is there.
inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace millrace::packaging
