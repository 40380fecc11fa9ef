// Damaged arena files: no reader and no writer dies of one, whatever it holds.
#include "media/arena_damage.hpp"

#include <gtest/gtest.h>

#include <random>

#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using testing::arena_to_damage;
using testing::read_and_take_over;
using testing::small_arena;
using testing::write_file;

constexpr std::uint32_t kBlocks = 64;

class ArenaDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = small_arena(directory_.path(), kBlocks);
    good_ = arena_to_damage(directory_.path(), config_);
    ASSERT_FALSE(good_.empty());
  }
  void use(const Bytes& file) {
    write_file(arena_path(directory_.path(), "test"), file);
    EXPECT_TRUE(read_and_take_over(config_));
  }
  std::size_t pick(std::size_t below) { return random_() % below; }

  testing::ScratchDirectory directory_;
  ArenaConfig config_;
  Bytes good_;
  std::mt19937 random_{7};
};

TEST_F(ArenaDamage, RandomBytesAnywhere) {
  const std::size_t control = good_.size() - std::size_t{kBlocks} * 4096;  // header, slots, generations
  for (int round = 0; round < 400; ++round) {
    Bytes file = good_;
    const std::size_t changes = 1 + pick(40);
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t place = pick(4) == 0 ? pick(file.size()) : pick(control);
      file[place] = static_cast<std::uint8_t>(random_());
    }
    use(file);
  }
}

TEST_F(ArenaDamage, WordsThatAreExtreme) {
  constexpr std::array<std::uint64_t, 6> kExtremes = {
      0, 1, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF, 0x100000000};
  // Every word of the header, of a live log's slot and of the first records.
  const std::size_t slot_words = sizeof(LogSlot) / 8;
  for (std::size_t word = 0; word < 8 + slot_words; ++word) {
    const std::size_t place = word < 8 ? word * 8 : kArenaHeaderBytes + (word - 8) * 8;
    Bytes file = good_;
    std::memcpy(file.data() + place, &kExtremes[word % kExtremes.size()], 8);
    use(file);
  }
}

TEST_F(ArenaDamage, EveryLengthOfAFile) {
  for (std::size_t size = 0; size < good_.size(); size += 1 + good_.size() / 97) {
    use(Bytes(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

TEST_F(ArenaDamage, SlotsThatNoWriterMakesAreNotListed) {
  const auto listed = [this](auto&& change) {
    Bytes file = good_;
    change(*reinterpret_cast<LogSlot*>(file.data() + kArenaHeaderBytes));
    write_file(arena_path(directory_.path(), "test"), file);
    const auto reader = ArenaReader::open(directory_.path(), "test", "damage");
    return reader ? (*reader)->logs().size() : 0;
  };
  EXPECT_EQ(listed([](LogSlot&) {}), 3U);
  EXPECT_EQ(listed([](LogSlot& slot) {
              std::uint64_t word = 0;
              std::memcpy(&word, "../../", 6);
              slot.stream_id[0].store(word);
            }),
            2U);
  EXPECT_EQ(listed([](LogSlot& slot) { slot.stream_id[0].store(0); }), 2U);
  EXPECT_EQ(listed([](LogSlot& slot) { slot.publication_id.store(0); }), 2U);
  EXPECT_EQ(listed([](LogSlot& slot) { slot.end.store(static_cast<std::uint32_t>(LogEnd::kRevoked) + 1); }),
            2U);
  EXPECT_EQ(listed([](LogSlot& slot) {
              slot.first_sequence.store(kMostSequence + 1);
              slot.first.store(kMostSequence + 1);
              slot.committed.store(kMostSequence + 1);
            }),
            2U);
}

TEST_F(ArenaDamage, TwoLogsThatClaimTheSameBlocks) {
  Bytes file = good_;
  const auto slot = static_cast<std::ptrdiff_t>(kArenaHeaderBytes);
  const auto size = static_cast<std::ptrdiff_t>(sizeof(LogSlot));
  std::copy(good_.begin() + slot, good_.begin() + slot + size, file.begin() + slot + 5 * size);
  write_file(arena_path(directory_.path(), "test"), file);
  auto writer = ArenaWriter::open(config_);
  ASSERT_TRUE(writer);
  EXPECT_EQ((*writer)->statistics().logs_ended, 3U) << "the copy is given up";
}

}  // namespace
}  // namespace millrace::media
