#include "base/survive.hpp"

#include <exception>
#include <map>
#include <mutex>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kLineEveryUs = 1'000'000;
constexpr std::size_t kMaxText = 200;

struct Place {
  std::uint64_t count = 0;
  std::int64_t logged_us = 0;
};

struct Places {
  std::mutex mutex;
  std::map<std::string_view, Place> all;  // by literals
};

Places& places() {
  static Places& instance = *new Places;  // threads may outlive main
  return instance;
}

std::string current_text() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return std::string(std::string_view(thrown.what()).substr(0, kMaxText));
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

void note_exception(const char* where) noexcept {
  try {
    const std::int64_t now_us = monotonic_us();
    std::uint64_t count = 0;
    bool silent = false;
    {
      const std::lock_guard lock(places().mutex);
      Place& place = places().all[where];
      count = ++place.count;
      silent = count > 1 && now_us - place.logged_us < kLineEveryUs;
      if (!silent) place.logged_us = now_us;
    }
    if (!silent)
      log::error("an exception was survived", {{"where", where}, {"what", current_text()}, {"count", count}});
  } catch (...) {
    // There is no memory even for the line: going on is more important.
    return;
  }
}

std::vector<SurvivedExceptions> survived_exceptions() {
  std::vector<SurvivedExceptions> all;
  const std::lock_guard lock(places().mutex);
  for (const auto& [where, place] : places().all) all.push_back({std::string(where), place.count});
  return all;
}

}  // namespace millrace
