#include "containers/mp4/movie_info.hpp"

#include <algorithm>
#include <array>

#include "codecs/aac.hpp"
#include "codecs/av1.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "codecs/vp9.hpp"
#include "containers/mp4/errors.hpp"
#include "containers/mp4/sample_description.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint64_t kMicroseconds = 1'000'000;
constexpr std::uint64_t kMostSeconds = 1'000'000'000'000;  // beyond: damaged, reported as 0
constexpr std::uint8_t kMp3OfMpeg1 = 0x6B;

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
struct Child {
  std::uint32_t type = 0;
  Range payload;
};

Error damaged() {
  return {mp4::errors::kMoov, "no movie box, or a damaged one"};
}

std::uint64_t to_microseconds(std::uint64_t value, std::uint32_t timescale) {
  if (timescale == 0) return 0;
  const std::uint64_t seconds = value / timescale;
  if (seconds > kMostSeconds) return 0;
  return seconds * kMicroseconds + value % timescale * kMicroseconds / timescale;
}

// The sample entry has no room for rates beyond 65535; sound runs in its rate.
void describe_sound(TrackInfo& info) {
  info.sample_rate = info.track.sample_rate != 0 ? info.track.sample_rate : info.track.timescale;
  info.channels = info.track.channels;
  if (info.track.codec != Codec::kAac) return;
  const auto aac = codecs::parse_audio_specific_config(info.track.configuration);
  if (!aac) return;
  info.sample_rate = aac->sbr ? aac->extension_sample_rate : aac->sample_rate;
  info.channels = aac->ps ? 2 : aac->channels;
}

class InfoReader {
 public:
  explicit InfoReader(const FileSource& source) : source_(source) {}

  Result<MovieInfo> read() {
    const auto moov = find({0, source_.size}, "moov");
    if (!moov) return tl::unexpected(moov.error());
    if (!*moov) return tl::unexpected(damaged());
    MovieInfo info;
    const Result<void> walked = each(**moov, [&](const Child& child) -> Result<void> {
      if (child.type == four_cc("mvhd")) return read_times(child, info.duration_us);
      if (child.type == four_cc("mvex")) info.fragmented = true;
      if (child.type == four_cc("trak") && info.tracks.size() < kMaxInfoTracks)
        return read_track(child.payload, info);
      return {};
    });
    if (!walked) return tl::unexpected(walked.error());
    return info;
  }

 private:
  // visit: of the boxes that lie side by side in the range; the last one may be torn or reach to the file's
  // end.
  template <class Visit>
  Result<void> each(Range range, Visit visit) {
    while (range.end - range.begin >= 8) {
      if (++boxes_ > kMaxInfoBoxes) return tl::unexpected(damaged());
      std::array<std::uint8_t, kMaxBoxHeader> bytes{};
      const auto view = std::span(bytes).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(range.end - range.begin, bytes.size())));
      if (Result<void> read = source_.read(range.begin, view); !read) return read;
      const auto header = read_box_header(view);
      if (!header || header->size > range.end - range.begin) return {};
      const Child child{header->type, {range.begin + header->header_size, range.begin + header->size}};
      if (Result<void> visited = visit(child); !visited) return visited;
      range.begin += header->size;
    }
    return {};
  }

  Result<std::optional<Range>> find(Range range, std::string_view type) {
    std::optional<Range> found;
    const Result<void> walked = each(range, [&](const Child& child) -> Result<void> {
      if (!found && child.type == four_cc(type)) found = child.payload;
      return {};
    });
    if (!walked) return tl::unexpected(walked.error());
    return found;
  }

  // The first bytes of a payload, at most kMaxInfoBox; a longer whole is refused.
  Result<Bytes> whole(Range payload) {
    if (payload.end - payload.begin > kMaxInfoBox) return tl::unexpected(damaged());
    return first(payload, kMaxInfoBox);
  }
  Result<Bytes> first(Range payload, std::uint64_t most) {
    Bytes bytes(static_cast<std::size_t>(std::min(payload.end - payload.begin, most)));
    if (Result<void> read = source_.read(payload.begin, bytes); !read) return tl::unexpected(read.error());
    return bytes;
  }

  // Timescale and duration of mvhd and mdhd.
  Result<std::pair<std::uint32_t, std::uint64_t>> times(Range payload) {
    const Result<Bytes> bytes = first(payload, 32);
    if (!bytes) return tl::unexpected(bytes.error());
    ByteReader reader(*bytes);
    const bool wide = reader.u8() == 1;
    reader.skip(3 + (wide ? 16 : 8));
    const std::uint32_t timescale = reader.u32();
    std::uint64_t duration = wide ? reader.u64() : reader.u32();
    if (!reader.ok()) return tl::unexpected(damaged());
    if (duration == (wide ? UINT64_MAX : UINT32_MAX)) duration = 0;  // not known
    return std::pair(timescale, duration);
  }
  Result<void> read_times(const Child& mvhd, std::uint64_t& duration_us) {
    const auto told = times(mvhd.payload);
    if (!told) return tl::unexpected(told.error());
    duration_us = to_microseconds(told->second, told->first);
    return {};
  }

  // A track that is none of ours is left out.
  Result<void> read_track(Range trak, MovieInfo& movie) {
    TrackInfo info;
    bool described = false;
    const auto table = [&](const Child& child) -> Result<void> {
      if (child.type == four_cc("stsd")) {
        const Result<Bytes> bytes = whole(child.payload);
        if (!bytes) return tl::unexpected(bytes.error());
        described = read_sample_description(*bytes, info.track);
      } else if (child.type == four_cc("stsz")) {
        const Result<Bytes> bytes = first(child.payload, 12);
        if (!bytes) return tl::unexpected(bytes.error());
        ByteReader reader(*bytes);
        reader.skip(8);
        info.samples = reader.u32();
      }
      return {};
    };
    const auto media = [&](const Child& child) -> Result<void> {
      if (child.type == four_cc("mdhd")) {
        const auto told = times(child.payload);
        if (!told) return tl::unexpected(told.error());
        info.track.timescale = told->first;
        info.duration = told->second;
      } else if (child.type == four_cc("minf")) {
        const auto stbl = find(child.payload, "stbl");
        if (!stbl) return tl::unexpected(stbl.error());
        if (*stbl) return each(**stbl, table);
      }
      return {};
    };
    const auto mdia = find(trak, "mdia");
    if (!mdia) return tl::unexpected(mdia.error());
    if (!*mdia) return {};
    if (Result<void> walked = each(**mdia, media); !walked) return walked;
    if (!described) return {};
    info.codec = codec_name(info.track);
    if (info.track.type == TrackType::kAudio) describe_sound(info);
    if (info.duration > 0)
      info.samples_a_second =
          static_cast<double>(info.samples) * info.track.timescale / static_cast<double>(info.duration);
    movie.tracks.push_back(std::move(info));
    return {};
  }

  const FileSource& source_;
  std::size_t boxes_ = 0;
};

template <class Parsed>
std::string name_or_nothing(const Parsed& parsed) {
  return parsed ? codecs::codec_string(*parsed) : std::string();
}

}  // namespace

Result<MovieInfo> read_movie_info(const FileSource& source) {
  return InfoReader(source).read();
}

std::string codec_name(const Track& track) {
  switch (track.codec) {
    case Codec::kAvc:
      return name_or_nothing(codecs::parse_avc_configuration(track.configuration));
    case Codec::kHevc:
      return name_or_nothing(codecs::parse_hevc_configuration(track.configuration));
    case Codec::kAv1:
      return name_or_nothing(codecs::parse_av1_configuration(track.configuration));
    case Codec::kVp9:
      return name_or_nothing(codecs::parse_vp9_configuration(track.configuration));
    case Codec::kAac:
      return name_or_nothing(codecs::parse_audio_specific_config(track.configuration));
    case Codec::kOpus:
      return "Opus";
    case Codec::kFlac:
      return "fLaC";
    case Codec::kAc3:
      return "ac-3";
    case Codec::kEac3:
      return "ec-3";
    case Codec::kMp3:
      return !track.configuration.empty() && track.configuration[0] == kMp3OfMpeg1 ? "mp4a.6B" : "mp4a.69";
  }
  return {};
}

}  // namespace millrace::mp4
