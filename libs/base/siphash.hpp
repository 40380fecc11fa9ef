// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash of texts from outside for tables. With a key that nobody
// else knows, nobody can choose texts that fall into one bucket.
//
// Pure; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace millrace {

using HashKey = std::array<std::uint64_t, 2>;

// Of this process, random.
HashKey random_hash_key();
std::uint64_t siphash(const HashKey& key, ByteView bytes);

}  // namespace millrace
