// A query as a player may send it, names and values by "&" and "=". Whatever it is: what is read is what is
// there, and nobody waits for what may not be asked for.
#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "manifest/hls/delivery_directives.hpp"

namespace {

using namespace millrace::hls;

std::vector<std::pair<std::string, std::string>> split(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    query.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
  }
  return query;
}

std::size_t count(const std::vector<std::pair<std::string, std::string>>& query, std::string_view name) {
  std::size_t found = 0;
  for (const auto& entry : query) found += entry.first == name ? 1 : 0;
  return found;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const DeliveryDirectives& directives, const ListEnd& end) {
  const Readiness answer = readiness(directives, end);
  const std::uint64_t asked = directives.media_sequence.value_or(0);
  if (answer == Readiness::kWait) require(asked >= end.last_segment && asked - end.last_segment <= 2);
  if (!directives.media_sequence || asked < end.last_segment) require(answer == Readiness::kReady);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query = split({reinterpret_cast<const char*>(data), size});
  const auto read = parse_directives(query);
  if (!read) return 0;
  require(count(query, "_HLS_msn") == (read->media_sequence ? 1U : 0U));
  require(count(query, "_HLS_part") == (read->part ? 1U : 0U));
  require(count(query, "_HLS_skip") == (read->skip == Skip::kNothing ? 0U : 1U));
  require(!read->part || read->media_sequence);
  check(*read, {.last_segment = 100, .parts_of_last = 6, .parts_of_growing = 2, .part_target_us = 333'334});
  check(*read, {.last_segment = 100, .part_target_us = 1});
  check(*read, {.last_segment = UINT64_MAX, .parts_of_last = 1});
  check(*read, {});
  return 0;
}
