#include "journal.hpp"

#include <algorithm>
#include <array>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/box_writer.hpp"

namespace millrace::recording {
namespace {

constexpr std::array<std::uint8_t, 16> kUuid = {0x6D, 0x69, 0x6C, 0x6C, 0x72, 0x61, 0x63, 0x65,
                                                0x9C, 0x41, 0x4A, 0x0E, 0x8D, 0x27, 0x51, 0xB3};
constexpr std::uint32_t kVersion = 2;

std::optional<Journal> read_payload(ByteView payload) {
  ByteReader reader(payload);
  const ByteView uuid = reader.take(kUuid.size());
  if (!std::equal(uuid.begin(), uuid.end(), kUuid.begin(), kUuid.end())) return std::nullopt;
  const std::uint32_t version = reader.u32();
  Journal journal;
  journal.publication_id = PublicationId{reader.u64()};
  journal.next_sequence = reader.u64();
  journal.started_wall = WallTime::from_us(static_cast<std::int64_t>(reader.u64()));
  if (version == kVersion) {
    journal.shift_us = static_cast<std::int64_t>(reader.u64());
    journal.arrival_us = static_cast<std::int64_t>(reader.u64());
  }
  if (!reader.ok() || version == 0 || version > kVersion) return std::nullopt;
  return journal;
}

std::optional<Journal> read_whole_box(ByteView box) {
  const auto header = mp4::read_box_header(box);
  if (!header || header->type != mp4::four_cc("uuid") || header->size != box.size()) return std::nullopt;
  return read_payload(box.subspan(header->header_size));
}

}  // namespace

Bytes write_journal(const Journal& journal) {
  ByteWriter writer(kJournalBoxBytes);
  {
    const mp4::Box box(writer, "uuid");
    writer.append(kUuid);
    writer.u32(kVersion);
    writer.u64(number_of(journal.publication_id));
    writer.u64(journal.next_sequence);
    writer.u64(static_cast<std::uint64_t>(journal.started_wall.us()));
    writer.u64(static_cast<std::uint64_t>(journal.shift_us));
    writer.u64(static_cast<std::uint64_t>(journal.arrival_us));
  }
  return writer.take();
}

std::optional<Journal> read_journal(const mp4::FragmentedFileReader::OwnBox& box) {
  return box.type == mp4::four_cc("uuid") ? read_payload(box.payload) : std::nullopt;
}

std::vector<Journal> read_last_journals(
    std::uint64_t file_size,
    const std::function<bool(std::uint64_t offset, std::span<std::uint8_t> into)>& read) {
  std::vector<Journal> journals;
  std::array<std::uint8_t, kJournalBoxBytes> bytes{};
  const auto box_before = [&](std::uint64_t end, std::size_t size) -> std::optional<Journal> {
    const auto box = std::span(bytes).first(size);
    if (end < size || !read(end - size, box)) return std::nullopt;
    return read_whole_box(box);
  };
  std::uint64_t end = file_size;
  while (journals.size() < kMaxPublications) {
    const auto journal = box_before(end, kJournalBoxBytes);
    if (!journal) break;
    journals.push_back(*journal);
    end -= kJournalBoxBytes;
  }
  if (journals.empty()) {
    if (const auto old = box_before(file_size, kOldJournalBoxBytes)) journals.push_back(*old);
  }
  std::reverse(journals.begin(), journals.end());
  return journals;
}

}  // namespace millrace::recording
