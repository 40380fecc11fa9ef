#include "ffmpeg/decoder.hpp"

#include <algorithm>
#include <cstring>

#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {
namespace {

// libav's own names where it would otherwise take a decoder that needs a device.
const AVCodec* find_decoder(media::Codec codec) {
  if (codec == media::Codec::kAv1) return avcodec_find_decoder_by_name("libdav1d");
  return avcodec_find_decoder(codec_id(codec));
}

// What libav calls extradata: the configuration for most, less or nothing for some.
ByteView extradata(media::Codec codec, ByteView configuration) {
  constexpr std::size_t kFlacBlockHeader = 8;  // "fLaC", and type and length of STREAMINFO
  constexpr std::size_t kStreamInfo = 34;
  switch (codec) {
    case media::Codec::kMp3:
    case media::Codec::kAc3:
    case media::Codec::kEac3:
    case media::Codec::kVp9:
      return {};
    case media::Codec::kFlac:
      return configuration.size() < kFlacBlockHeader + kStreamInfo
                 ? ByteView()
                 : configuration.subspan(kFlacBlockHeader, kStreamInfo);
    default:
      return configuration;
  }
}

Result<void> set_extradata(AVCodecContext& context, ByteView bytes) {
  if (bytes.empty()) return {};
  context.extradata = static_cast<std::uint8_t*>(av_mallocz(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (context.extradata == nullptr) return fail(errors::kNoMemory, "a decoder's configuration");
  std::copy(bytes.begin(), bytes.end(), context.extradata);
  context.extradata_size = static_cast<int>(bytes.size());
  return {};
}

}  // namespace

void Decoder::DeleteContext::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}

void Decoder::DeletePacket::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}

Result<Decoder> Decoder::open(const media::TrackConfiguration& description, ByteView configuration,
                              const DecoderLimits& limits) {
  const AVCodec* codec = find_decoder(description.codec);
  if (codec == nullptr) return fail(errors::kNotBuiltIn, "a decoder of this codec");
  Decoder decoder(avcodec_alloc_context3(codec), av_packet_alloc());
  if (!decoder.context_ || !decoder.packet_) return fail(errors::kNoMemory, "a decoder");
  AVCodecContext& context = *decoder.context_;
  context.pkt_timebase = {1, static_cast<int>(description.timescale)};
  context.thread_count = limits.threads;
  context.max_pixels = limits.max_pixels;
  if (description.kind == media::TrackKind::kAudio) {
    // What an encoder needed to begin with is in the log with times of its own.
    context.flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    context.sample_rate = static_cast<int>(description.sample_rate);
    av_channel_layout_default(&context.ch_layout, static_cast<int>(description.channels));
  } else {
    context.width = static_cast<int>(description.width);
    context.height = static_cast<int>(description.height);
  }
  if (Result<void> set = set_extradata(context, extradata(description.codec, configuration)); !set)
    return tl::unexpected<Error>(set.error());
  if (const int code = avcodec_open2(&context, codec, nullptr); code < 0)
    return failure(code, std::string("open decoder ") + codec->name);
  return decoder;
}

Result<void> Decoder::send(ByteView sample, std::int64_t pts) {
  AVPacket& packet = *packet_;
  if (const int code = av_new_packet(&packet, static_cast<int>(sample.size())); code < 0)
    return failure(code, "a sample to decode");
  std::copy(sample.begin(), sample.end(), packet.data);
  packet.pts = pts;
  const int code = avcodec_send_packet(context_.get(), &packet);
  av_packet_unref(&packet);
  if (code < 0) return failure(code, "decode");
  return {};
}

Result<void> Decoder::drain() {
  const int code = avcodec_send_packet(context_.get(), nullptr);
  if (code < 0 && code != AVERROR_EOF) return failure(code, "drain a decoder");
  return {};
}

Result<std::optional<Frame>> Decoder::receive() {
  Result<Frame> frame = Frame::empty();
  if (!frame) return tl::unexpected<Error>(frame.error());
  const int code = avcodec_receive_frame(context_.get(), frame->get());
  if (code == AVERROR_EOF) avcodec_flush_buffers(context_.get());
  if (is_no_more(code)) return std::optional<Frame>();
  if (code < 0) return failure(code, "decode");
  return std::optional<Frame>(std::move(*frame));
}

}  // namespace millrace::ffmpeg
