#include "codecs/h265.hpp"
#include "codecs/parameter_sets.hpp"

// The first byte says where a record ends and the sample begins. What is made of both is a record that reads,
// and that holds what was taken.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  if (size == 0) return 0;
  const millrace::ByteView input(bytes + 1, size - 1);
  const millrace::ByteView record = input.first(std::min<std::size_t>(bytes[0], input.size()));
  for (const NalCodec codec : {NalCodec::kH264, NalCodec::kH265}) {
    for (const bool start_codes : {true, false}) {
      const NalSample sample{input.subspan(record.size()), start_codes, 4};
      ParameterSets sets(codec);
      sets.take_record(record);
      sets.take_sample(sample);
      (void)holds_parameter_sets(codec, record, sample);
      const millrace::Bytes made = sets.record(4);
      if (made.empty()) continue;
      if (made.size() > 2 * ParameterSets::kMaxBytes) __builtin_trap();
      if (codec == NalCodec::kH264 && !parse_avc_configuration(made)) __builtin_trap();
      if (codec == NalCodec::kH265 && !parse_hevc_configuration(made)) __builtin_trap();
      ParameterSets again(codec);
      again.take_record(made);
      if (again.record(4) != made) __builtin_trap();
    }
  }
  return 0;
}
