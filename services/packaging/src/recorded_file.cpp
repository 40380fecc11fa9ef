#include "recorded_file.hpp"

#include <algorithm>
#include <array>

#include "containers/mp4/box_reader.hpp"

namespace millrace::packaging {
namespace {

constexpr std::size_t kUuidBytes = 16;

// nullopt: no whole box begins there.
Result<std::optional<mp4::BoxHeader>> header_at(const mp4::FileSource& source, std::uint64_t position) {
  std::array<std::uint8_t, mp4::kMaxBoxHeader> bytes{};
  if (position >= source.size) return std::nullopt;
  const std::uint64_t rest = source.size - position;
  const auto view = std::span(bytes).first(std::min<std::uint64_t>(rest, bytes.size()));
  if (auto read = source.read(position, view); !read) return tl::unexpected(read.error());
  const auto header = mp4::read_box_header(view);
  if (!header || header->size > rest) return std::nullopt;
  return header;
}

std::uint64_t bytes_of(const std::vector<media::RecordedSample>& samples) {
  std::uint64_t bytes = 0;
  for (const media::RecordedSample& sample : samples) bytes += sample.file_bytes();
  return bytes;
}

}  // namespace

Result<void> RecordedFile::follow(const mp4::FileSource& source, const Visit& visit) {
  Walk walk = certain_;
  while (true) {
    const auto visited = visit_box(source, walk, visit);
    if (!visited) return tl::unexpected(visited.error());
    if (!*visited) return {};
  }
}

Result<std::optional<media::RecordedPiece>> RecordedFile::first(const mp4::FileSource& source) {
  RecordedFile file;
  Walk walk;
  std::optional<media::RecordedPiece> found;
  const auto take = [&](const RecordedPlace&, media::RecordedPiece&& piece) {
    if (!piece.samples.empty()) found = std::move(piece);
  };
  while (!found) {
    const auto visited = file.visit_box(source, walk, take);
    if (!visited) return tl::unexpected(visited.error());
    if (!*visited) break;
  }
  return found;
}

// False: there is no whole box any more.
Result<bool> RecordedFile::visit_box(const mp4::FileSource& source, Walk& walk, const Visit& visit) {
  const auto header = header_at(source, walk.position);
  if (!header) return tl::unexpected(header.error());
  if (!*header) return false;
  const mp4::BoxHeader& box = **header;
  const std::uint64_t payload = walk.position + box.header_size;
  const std::uint64_t payload_bytes = box.size - box.header_size;
  if (box.type == mp4::four_cc("moof")) walk.fragment_follows = true;
  if (box.type == mp4::four_cc("mdat")) {
    walk.of_fragment = std::exchange(walk.fragment_follows, false);
    walk.media = payload;
    walk.media_bytes = payload_bytes;
  }
  if (box.type == mp4::four_cc("uuid") && payload_bytes >= kUuidBytes) {
    std::array<std::uint8_t, kUuidBytes> uuid{};
    if (auto read = source.read(payload, uuid); !read) return tl::unexpected(read.error());
    if (!media::is_recorded_piece(uuid)) {
      // A journal: what is before it nobody cuts off any more.
      walk.position += box.size;
      certain_ = walk;
      return true;
    }
    // Only what a whole box follows is sealed.
    const auto next = header_at(source, walk.position + box.size);
    if (!next) return tl::unexpected(next.error());
    if (!*next) return false;
    if (payload_bytes <= media::kMaxRecordedBox) {
      const RecordedPlace place{payload, static_cast<std::uint32_t>(payload_bytes), walk.media};
      if (auto taken = take_piece(source, walk, place, visit); !taken) return tl::unexpected(taken.error());
    }
    walk.position += box.size;
    certain_ = walk;
    return true;
  }
  walk.position += box.size;
  return true;
}

// What does not fit the media before it is passed over.
Result<void> RecordedFile::take_piece(const mp4::FileSource& source, const Walk& walk,
                                      const RecordedPlace& place, const Visit& visit) const {
  Bytes payload(place.box_bytes);
  if (auto read = source.read(place.box, payload); !read) return read;
  auto piece = media::read_recorded_piece(payload);
  if (!piece) return {};
  const std::uint64_t begin = walk.of_fragment ? 0 : piece->bytes_before;
  if (begin > walk.media_bytes || bytes_of(piece->samples) > walk.media_bytes - begin) return {};
  visit({place.box, place.box_bytes, place.media + begin}, std::move(*piece));
  return {};
}

}  // namespace millrace::packaging
