#include "base/siphash.hpp"

#include <bit>

#include "base/secret.hpp"

namespace millrace {
namespace {

constexpr std::size_t kWord = 8;

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

// Little-endian; fewer than eight bytes are the low ones.
std::uint64_t word_of(ByteView bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
  return word;
}

}  // namespace

HashKey random_hash_key() {
  return {random_u64(), random_u64()};
}

std::uint64_t siphash(const HashKey& key, ByteView bytes) {
  State state{key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL, key[0] ^ 0x6c7967656e657261ULL,
              key[1] ^ 0x7465646279746573ULL};
  const std::uint64_t length = std::uint64_t{bytes.size()} << 56;
  while (bytes.size() >= kWord) {
    state.take(word_of(bytes.first(kWord)));
    bytes = bytes.subspan(kWord);
  }
  state.take(word_of(bytes) | length);
  state.v2 ^= 0xFF;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace millrace
