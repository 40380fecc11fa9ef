#include "media/tools/verify.hpp"

#include <array>
#include <optional>

#include "base/bytes.hpp"
#include "codecs/av1.hpp"
#include "codecs/h264.hpp"
#include "media/tools/part_check.hpp"

namespace millrace::media {
namespace {

// Where avcC and hvcC state how long the lengths of NAL units are: ISO/IEC 14496-15 5.3.3.1, 8.3.3.1.
constexpr std::size_t kAvcLengthSizeByte = 4;
constexpr std::size_t kHevcLengthSizeByte = 21;

bool nal_units_fit(ByteView payload, ByteView configuration, std::size_t length_size_byte) {
  if (configuration.size() <= length_size_byte) return true;
  const unsigned length_size = (configuration[length_size_byte] & 3U) + 1U;
  return codecs::for_each_nal(payload, length_size, [](ByteView) {}).has_value();
}

class LogVerifier {
 public:
  explicit LogVerifier(LogReader& reader) : reader_(reader) {}

  Verification run() {
    const std::uint64_t end = reader_.info().committed;
    // Asked behind the count: a target that is fixed meanwhile is that of the records.
    is_slate_ = reader_.info().role == LogRole::kSlate;
    parts_.emplace(reader_.info().part_target_us, report_to(result_.problems), report_to(result_.warnings));
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
  static PartCheck::Report report_to(std::vector<std::string>& list) {
    return [&list](const SampleRecord& record, const std::string& text) {
      if (list.size() < Verification::kMaxProblems)
        list.push_back("record " + std::to_string(record.sequence) + ": " + text);
    };
  }

  void problem(const SampleRecord& record, const std::string& text) {
    report_to(result_.problems)(record, text);
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
    parts_->forget();
  }

  void check(const LogReader::Sample& sample) {
    const SampleRecord& record = sample.record;
    const bool whole = framed(sample);
    if (!reader_.intact(record)) return;
    ++result_.records;
    result_.bytes += record.size;
    if (!whole) problem(record, "lengths of NAL units or OBUs do not add up to the sample");
    if (is_gap(record.flags) != is_slate_)
      problem(record, is_slate_ ? "a sample among gaps" : "a gap among samples");
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
    const auto configuration = reader_.configuration(record.configuration);
    const bool known = configuration && configuration->description.track == record.track;
    parts_->add(record, known ? &configuration->description : nullptr);
  }

  // The sample's units are whole, as far as its codec shows.
  bool framed(const LogReader::Sample& sample) const {
    const auto configuration = reader_.configuration(sample.record.configuration);
    if (!configuration || configuration->description.track != sample.record.track) return true;
    switch (configuration->description.codec) {
      case Codec::kH264:
        return nal_units_fit(sample.payload, configuration->bytes, kAvcLengthSizeByte);
      case Codec::kH265:
        return nal_units_fit(sample.payload, configuration->bytes, kHevcLengthSizeByte);
      case Codec::kAv1:
        return codecs::inspect_temporal_unit(sample.payload).has_value();
      default:
        return true;
    }
  }

  LogReader& reader_;
  bool is_slate_ = false;
  Verification result_;
  std::optional<PartCheck> parts_;
  std::array<std::optional<std::int64_t>, kMaxTracks> last_dts_;
  std::optional<SampleRecord> last_;
};

}  // namespace

Verification verify_log(LogReader& reader) {
  return LogVerifier(reader).run();
}

}  // namespace millrace::media
