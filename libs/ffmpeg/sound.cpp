#include "ffmpeg/sound.hpp"

#include <array>
#include <string>

#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {
namespace {

constexpr AVRational kSoundTimeBase{1, SoundEncoder::kSampleRate};

const char* layout_name(int channels) {
  return channels == 1 ? "mono" : "stereo";
}

std::string text(int number) {
  return std::to_string(number);
}

// The frames that the encoder takes; the last one before an end may be short.
std::string conversion(int channels) {
  return "aresample=" + text(SoundEncoder::kSampleRate) +
         ",aformat=sample_fmts=fltp:channel_layouts=" + layout_name(channels) +
         ",asetnsamples=n=" + text(SoundEncoder::kFrameSamples) + ":p=0";
}

std::string usual_layout(int channels) {
  AVChannelLayout layout{};
  av_channel_layout_default(&layout, channels);
  std::array<char, 64> name{};
  av_channel_layout_describe(&layout, name.data(), name.size());
  av_channel_layout_uninit(&layout);
  return name.data();
}

}  // namespace

void SoundEncoder::DeleteContext::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}

void SoundEncoder::DeleteGraph::operator()(AVFilterGraph* graph) const {
  avfilter_graph_free(&graph);
}

Result<SoundEncoder> SoundEncoder::open(int channels, std::int64_t bit_rate) {
  SoundEncoder encoder(channels, bit_rate);
  if (Result<void> opened = encoder.open_encoder(); !opened) return tl::unexpected<Error>(opened.error());
  return encoder;
}

Result<void> SoundEncoder::open_encoder() {
  const AVCodec* codec = avcodec_find_encoder_by_name("aac");
  if (codec == nullptr) return fail(errors::kNotBuiltIn, "an encoder of AAC");
  encoder_.reset(avcodec_alloc_context3(codec));
  if (!encoder_) return fail(errors::kNoMemory, "an encoder of AAC");
  encoder_->sample_rate = kSampleRate;
  encoder_->sample_fmt = AV_SAMPLE_FMT_FLTP;
  encoder_->bit_rate = bit_rate_;
  encoder_->time_base = kSoundTimeBase;
  encoder_->profile = FF_PROFILE_AAC_LOW;
  encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_channel_layout_default(&encoder_->ch_layout, channels_);
  if (const int code = avcodec_open2(encoder_.get(), codec, nullptr); code < 0)
    return failure(code, "open the encoder of AAC");
  configuration_.assign(encoder_->extradata, encoder_->extradata + encoder_->extradata_size);
  return {};
}

Result<void> SoundEncoder::build(const Format& format) {
  graph_.reset(avfilter_graph_alloc());
  if (!graph_) return fail(errors::kNoMemory, "a filter");
  graph_->nb_threads = 1;
  format_ = format;
  const std::string arguments =
      "time_base=1/" + text(format.sample_rate) + ":sample_rate=" + text(format.sample_rate) +
      ":sample_fmt=" + av_get_sample_fmt_name(static_cast<AVSampleFormat>(format.sample_format)) +
      ":channel_layout=" + usual_layout(format.channels);
  int code = avfilter_graph_create_filter(&in_, avfilter_get_by_name("abuffer"), "in", arguments.c_str(),
                                          nullptr, graph_.get());
  if (code >= 0)
    code = avfilter_graph_create_filter(&out_, avfilter_get_by_name("abuffersink"), "out", nullptr, nullptr,
                                        graph_.get());
  if (code < 0) return failure(code, "a filter's ends");
  return join(*graph_, in_, out_, conversion(channels_));
}

Result<void> SoundEncoder::send(Frame frame) {
  AVFrame& sound = *frame.get();
  if (sound.sample_rate < kLeastSampleRate)
    return fail(errors::kBadInput, text(sound.sample_rate) + " samples a second");
  const Format format{sound.sample_rate, sound.ch_layout.nb_channels, sound.format};
  if (draining_ || !(format == format_)) {
    if (draining_) {
      if (Result<void> opened = open_encoder(); !opened) return opened;
    }
    draining_ = false;
    if (Result<void> built = build(format); !built) {
      graph_.reset();
      format_ = {};
      return built;
    }
  }
  // Some decoders name the speakers, others count them: the filter is told of as many as there are.
  av_channel_layout_uninit(&sound.ch_layout);
  av_channel_layout_default(&sound.ch_layout, format.channels);
  if (const int code = av_buffersrc_add_frame(in_, &sound); code < 0) return failure(code, "convert sound");
  return {};
}

Result<void> SoundEncoder::drain() {
  if (!graph_ || draining_) return {};
  draining_ = true;
  if (const int code = av_buffersrc_add_frame(in_, nullptr); code < 0 && code != AVERROR_EOF)
    return failure(code, "drain a filter of sound");
  return {};
}

// False: the filter has no more at the moment, or ever.
Result<bool> SoundEncoder::encode_next() {
  const Result<Frame> frame = Frame::empty();
  if (!frame) return tl::unexpected<Error>(frame.error());
  int code = av_buffersink_get_frame(out_, frame->get());
  if (code == AVERROR(EAGAIN)) return false;
  if (code != AVERROR_EOF && code < 0) return failure(code, "convert sound");
  const bool ended = code == AVERROR_EOF;
  code = avcodec_send_frame(encoder_.get(), ended ? nullptr : frame->get());
  if (code < 0 && code != AVERROR_EOF) return failure(code, "encode sound");
  return true;
}

Result<std::optional<CodedSample>> SoundEncoder::receive() {
  while (graph_) {
    AVPacket* packet = av_packet_alloc();
    if (packet == nullptr) return fail(errors::kNoMemory, "a packet");
    CodedSample sample(packet, media::Codec::kAac);
    const int code = avcodec_receive_packet(encoder_.get(), packet);
    if (code >= 0) return std::optional<CodedSample>(std::move(sample));
    if (code == AVERROR_EOF) break;
    if (code != AVERROR(EAGAIN)) return failure(code, "encode sound");
    const Result<bool> more = encode_next();
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) break;
  }
  return std::optional<CodedSample>();
}

}  // namespace millrace::ffmpeg
