// Which blocks of an arena are free: private memory of the writer, so that nothing in the file can corrupt
// it. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::media {

class BlockPool {
 public:
  // All blocks taken.
  explicit BlockPool(std::uint32_t count) : size_(count), words_((count + 63) / 64, 0) {}

  std::uint32_t size() const { return size_; }
  std::uint32_t free_count() const { return free_count_; }
  bool is_free(std::uint32_t block) const { return ((words_[block / 64] >> (block % 64)) & 1) != 0; }

  // A run of count neighbouring blocks for samples: right behind the block `after` if those are free (what
  // one log holds then lies together, and leaves runs when it is recycled), else in the middle of the largest
  // hole, or of the first that is large enough not to matter.
  std::optional<std::uint32_t> take(std::uint32_t count, std::uint32_t after);
  // One block for what stays long (indexes, configurations): the last free one, out of the runs' way.
  std::optional<std::uint32_t> take_last();
  void give_back(std::uint32_t block, std::uint32_t count);

 private:
  struct Hole {
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };
  Hole find_hole(std::uint32_t enough) const;
  bool run_is_free(std::uint32_t block, std::uint32_t count) const;
  void mark_taken(std::uint32_t block, std::uint32_t count);

  std::uint32_t size_;
  std::vector<std::uint64_t> words_;  // a set bit: free
  std::uint32_t free_count_ = 0;
};

}  // namespace millrace::media
