#include "media/tools/verify.hpp"

#include <array>
#include <optional>

#include "base/bytes.hpp"

namespace millrace::media {
namespace {

constexpr std::size_t kAvcLengthSizeByte = 4;  // of the avcC: ISO/IEC 14496-15 5.3.3.1

class LogVerifier {
 public:
  explicit LogVerifier(LogReader& reader) : reader_(reader) {}

  Verification run() {
    const std::uint64_t end = reader_.info().committed;
    while (reader_.position() < end) {
      const LogReader::Read read = reader_.read();
      if (const auto* sample = std::get_if<LogReader::Sample>(&read)) {
        check(*sample);
        reader_.advance();
      } else if (const auto* lagged = std::get_if<LogReader::Lagged>(&read)) {
        pass_over(lagged->next_key);
      } else {
        break;
      }
    }
    return std::move(result_);
  }

 private:
  void problem(const SampleRecord& record, const std::string& text) {
    if (result_.problems.size() < Verification::kMaxProblems) {
      result_.problems.push_back("record " + std::to_string(record.sequence) + ": " + text);
    }
  }

  // Records before the log's first one were recycled in the meantime; one after it is missing.
  void pass_over(std::uint64_t next) {
    const std::uint64_t position = reader_.position();
    if (position >= reader_.info().first) {
      SampleRecord missing{};
      missing.sequence = position;
      problem(missing, "not readable although it is retained");
    }
    reader_.seek(next);
    last_dts_ = {};
    last_.reset();
  }

  void check(const LogReader::Sample& sample) {
    const SampleRecord& record = sample.record;
    const bool framed = nal_units_fit(sample);
    if (!reader_.intact(record)) return;
    ++result_.records;
    result_.bytes += record.size;
    if (!framed) problem(record, "NAL unit lengths do not add up to the sample");
    if (record.configuration != 0 && record.configuration >= reader_.configuration_count()) {
      problem(record, "configuration " + std::to_string(record.configuration) + " is not there");
    }
    std::optional<std::int64_t>& dts = last_dts_[record.track];
    if (dts && record.dts <= *dts && record.track != kDataTrack)
      problem(record, "decode time does not increase");
    dts = record.dts;
    if (last_ && record.media_sequence < last_->media_sequence) problem(record, "segment number steps back");
    if (last_ && record.discontinuity_sequence < last_->discontinuity_sequence) {
      problem(record, "discontinuity sequence steps back");
    }
    last_ = record;
  }

  bool nal_units_fit(const LogReader::Sample& sample) const {
    const auto configuration = reader_.configuration(sample.record.configuration);
    if (!configuration || configuration->description.codec != Codec::kH264 ||
        configuration->description.track != sample.record.track ||
        configuration->bytes.size() <= kAvcLengthSizeByte) {
      return true;
    }
    const std::size_t length_size = (configuration->bytes[kAvcLengthSizeByte] & 3U) + 1U;
    ByteReader bytes(sample.payload);
    while (!bytes.empty() && bytes.ok()) {
      std::uint64_t length = 0;
      for (std::size_t i = 0; i < length_size; ++i) length = (length << 8) | bytes.u8();
      bytes.skip(length);
    }
    return bytes.ok();
  }

  LogReader& reader_;
  Verification result_;
  std::array<std::optional<std::int64_t>, kMaxTracks> last_dts_;
  std::optional<SampleRecord> last_;
};

}  // namespace

Verification verify_log(LogReader& reader) {
  return LogVerifier(reader).run();
}

}  // namespace millrace::media
