#include "ffmpeg/av.hpp"

#include <array>

namespace millrace::ffmpeg {

tl::unexpected<Error> failure(int code, const std::string& doing) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  const ErrorCode kind = code == AVERROR(ENOMEM)       ? errors::kNoMemory
                         : code == AVERROR_INVALIDDATA ? errors::kBadInput
                                                       : errors::kFailed;
  return fail(kind, doing + ": " + text.data());
}

AVCodecID codec_id(media::Codec codec) {
  using media::Codec;
  switch (codec) {
    case Codec::kH264:
      return AV_CODEC_ID_H264;
    case Codec::kH265:
      return AV_CODEC_ID_HEVC;
    case Codec::kAv1:
      return AV_CODEC_ID_AV1;
    case Codec::kVp9:
      return AV_CODEC_ID_VP9;
    case Codec::kAac:
      return AV_CODEC_ID_AAC;
    case Codec::kOpus:
      return AV_CODEC_ID_OPUS;
    case Codec::kMp3:
      return AV_CODEC_ID_MP3;
    case Codec::kFlac:
      return AV_CODEC_ID_FLAC;
    case Codec::kAc3:
      return AV_CODEC_ID_AC3;
    case Codec::kEac3:
      return AV_CODEC_ID_EAC3;
    case Codec::kNone:
    case Codec::kData:
      break;
  }
  return AV_CODEC_ID_NONE;
}

}  // namespace millrace::ffmpeg
