#include "media/block_pool.hpp"

#include <algorithm>
#include <bit>

namespace millrace::media {
namespace {
constexpr std::uint32_t kLargeHole = 64;
}

bool BlockPool::run_is_free(std::uint32_t block, std::uint32_t count) const {
  if (block >= size_ || count > size_ - block) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!is_free(block + i)) return false;
  }
  return true;
}

void BlockPool::mark_taken(std::uint32_t block, std::uint32_t count) {
  for (std::uint32_t i = block; i < block + count; ++i) words_[i / 64] &= ~(std::uint64_t{1} << (i % 64));
  free_count_ -= count;
}

BlockPool::Hole BlockPool::find_hole(std::uint32_t enough) const {
  Hole best;
  std::uint32_t length = 0;
  for (std::uint32_t block = 0; block < size_ && best.length < enough;) {
    if (block % 64 == 0 && words_[block / 64] == 0) {
      length = 0;
      block += 64;
      continue;
    }
    length = is_free(block) ? length + 1 : 0;
    ++block;
    if (length > best.length) best = Hole{block - length, length};
  }
  return best;
}

std::optional<std::uint32_t> BlockPool::take(std::uint32_t count, std::uint32_t after) {
  if (count == 0 || count > free_count_) return std::nullopt;
  std::uint32_t begin = after + 1;
  if (after >= size_ || !run_is_free(begin, count)) {
    const Hole hole = find_hole(std::max(count, kLargeHole));
    if (hole.length < count) return std::nullopt;
    // Room to grow for both neighbours.
    begin = hole.begin + (hole.length - count) / 2;
  }
  mark_taken(begin, count);
  return begin;
}

std::optional<std::uint32_t> BlockPool::take_last() {
  for (std::size_t word = words_.size(); word-- > 0;) {
    if (words_[word] == 0) continue;
    const auto block =
        static_cast<std::uint32_t>(word * 64 + 63 - static_cast<unsigned>(std::countl_zero(words_[word])));
    mark_taken(block, 1);
    return block;
  }
  return std::nullopt;
}

void BlockPool::give_back(std::uint32_t block, std::uint32_t count) {
  for (std::uint32_t i = block; i < block + count; ++i) {
    if (is_free(i)) continue;
    words_[i / 64] |= std::uint64_t{1} << (i % 64);
    ++free_count_;
  }
}

}  // namespace millrace::media
