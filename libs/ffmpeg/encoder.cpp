#include "ffmpeg/encoder.hpp"

#include <algorithm>

#include "codecs/av1.hpp"
#include "codecs/nal_form.hpp"
#include "codecs/parameter_sets.hpp"
#include "ffmpeg/av.hpp"
#include "ffmpeg/encoder_options.hpp"

namespace millrace::ffmpeg {
namespace {

constexpr unsigned kLengthSize = 4;
constexpr int kNoOwnKeyFrames = 1 << 30;  // x264's X264_KEYINT_MAX_INFINITE; the others take it as well

// Of libav's extradata, or of a key frame with its headers.
Bytes configuration_of(media::Codec codec, ByteView headers) {
  if (is_nal_codec(codec)) {
    codecs::ParameterSets sets(codec == media::Codec::kH264 ? codecs::NalCodec::kH264
                                                            : codecs::NalCodec::kH265);
    sets.take_sample({headers, true});
    return sets.record(kLengthSize);
  }
  const Result<codecs::Av1TemporalUnit> unit = codecs::inspect_temporal_unit(headers);
  if (!unit || !unit->sequence_header) return {};
  return codecs::av1_configuration(*unit->sequence_header, unit->sequence_header_obu);
}

void fill(AVCodecContext& context, const EncoderSettings& settings) {
  context.width = settings.width;
  context.height = settings.height;
  context.pix_fmt = AV_PIX_FMT_YUV420P;
  context.sample_aspect_ratio = {1, 1};
  context.color_primaries = static_cast<AVColorPrimaries>(settings.colour.primaries);
  context.color_trc = static_cast<AVColorTransferCharacteristic>(settings.colour.transfer);
  context.colorspace = static_cast<AVColorSpace>(settings.colour.matrix);
  context.color_range = AVCOL_RANGE_MPEG;
  context.time_base = kVideoTimeBase;
  context.framerate = rational(settings.frame_rate);
  context.bit_rate = settings.bit_rate;
  context.rc_max_rate = settings.max_rate;
  context.rc_buffer_size = static_cast<int>(settings.buffer_bits);
  context.gop_size = kNoOwnKeyFrames;
  context.max_b_frames = 0;
  context.refs = settings.reference_frames;
  context.thread_count = settings.threads;
  context.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;
}

Result<void> set_options(AVCodecContext& context, const EncoderOptions& options) {
  for (const auto& [name, value] : options) {
    const int code = av_opt_set(context.priv_data, name.c_str(), value.c_str(), 0);
    if (code < 0) return failure(code, std::string(name).append("=").append(value));
  }
  return {};
}

}  // namespace

void Encoder::DeleteContext::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}

Result<Encoder> Encoder::open(const EncoderSettings& settings) {
  const std::optional<EncoderName> name = find_encoder(settings.encoder);
  if (!name || !is_preset(settings.preset))
    return fail(errors::kUnknownName, settings.encoder + ", preset " + settings.preset);
  const AVCodec* codec = avcodec_find_encoder_by_name(std::string(name->libav).c_str());
  if (codec == nullptr) return fail(errors::kNotBuiltIn, settings.encoder + ": not in this libav");
  if (name->family == EncoderFamily::kVaapi || name->family == EncoderFamily::kQsv)
    return fail(errors::kNotUsable, settings.encoder + ": pictures on a device are not supported yet");
  Encoder encoder(avcodec_alloc_context3(codec), *name);
  if (!encoder.context_) return fail(errors::kNoMemory, "an encoder");
  fill(*encoder.context_, settings);
  if (Result<void> set = set_options(*encoder.context_, encoder_options(name->family, settings)); !set)
    return fail(set.error(), settings.encoder);
  if (const int code = avcodec_open2(encoder.context_.get(), codec, nullptr); code < 0)
    return failure(code, "open " + settings.encoder);
  const AVCodecContext& context = *encoder.context_;
  if (context.extradata_size > 0)
    encoder.configuration_ =
        configuration_of(name->codec, {context.extradata, static_cast<std::size_t>(context.extradata_size)});
  return encoder;
}

Result<void> Encoder::send(Frame frame, bool key) {
  AVFrame& picture = *frame.get();
  // What the source's encoder made of it is of no interest, where its segments begin is.
  picture.pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  picture.key_frame = key ? 1 : 0;
  const int code = avcodec_send_frame(context_.get(), &picture);
  if (code < 0) return failure(code, "encode");
  return {};
}

Result<void> Encoder::drain() {
  const int code = avcodec_send_frame(context_.get(), nullptr);
  if (code < 0 && code != AVERROR_EOF) return failure(code, "drain an encoder");
  return {};
}

Result<std::optional<CodedSample>> Encoder::receive() {
  AVPacket* packet = av_packet_alloc();
  if (packet == nullptr) return fail(errors::kNoMemory, "a packet");
  CodedSample picture(packet, name_.codec);
  const int code = avcodec_receive_packet(context_.get(), packet);
  if (is_no_more(code)) return std::optional<CodedSample>();
  if (code < 0) return failure(code, "encode");
  if (configuration_.empty() && picture.key()) configuration_ = configuration_of(name_.codec, picture.raw());
  return std::optional<CodedSample>(std::move(picture));
}

}  // namespace millrace::ffmpeg
