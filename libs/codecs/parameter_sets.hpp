// H.264's and H.265's parameter sets, gathered from a configuration record and from the stream, and the
// record made of them: for encoders that send no record, or change the sets without a new one. Input is
// outside data and may hold anything.
//
// Specifications: ISO/IEC 14496-15 5.3.3.1 (avcC), 8.3.3.1 (hvcC); ITU-T H.264 7.3.2.2,
// H.265 7.3.2.1, 7.3.2.3 (ids).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "codecs/nal_form.hpp"

namespace millrace::codecs {

enum class NalCodec : std::uint8_t { kH264, kH265 };

// H.264: SPS, PPS. H.265: VPS, SPS, PPS.
bool is_parameter_set(NalCodec codec, ByteView nal);

// Plain data with rules; one thread at a time.
class ParameterSets {
 public:
  // Further ones are left out, and those that make all together larger.
  static constexpr std::size_t kMaxSets = 96;
  static constexpr std::size_t kMaxBytes = 16U << 10;

  explicit ParameterSets(NalCodec codec) : codec_(codec) {}

  // Of an avcC or hvcC; nothing of one that is not usable.
  void take_record(ByteView record);
  // Those of a sample, in place of the ones with the same ids. SPS that can't be read are left out.
  void take_sample(const NalSample& sample);

  // avcC or hvcC; empty where the sets don't make one: an SPS and a PPS must be there, for H.265 a VPS too.
  // The newest SPS says what the picture is.
  Bytes record(unsigned nal_length_size) const;

 private:
  struct Set {
    std::uint8_t type = 0;
    std::uint32_t id = 0;
    Bytes nal;
  };

  void take(ByteView nal);
  std::vector<const Set*> of_type(std::uint8_t type) const;
  Bytes avcc(unsigned nal_length_size) const;
  Bytes hvcc(unsigned nal_length_size) const;

  NalCodec codec_;
  std::vector<Set> sets_;  // the newest first
  std::size_t bytes_ = 0;
};

// Every parameter set of the sample stands in the record as it is.
bool holds_parameter_sets(NalCodec codec, ByteView record, const NalSample& sample);

}  // namespace millrace::codecs
