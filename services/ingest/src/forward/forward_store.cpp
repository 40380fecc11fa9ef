#include "forward/forward_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/bounded_json.hpp"
#include "base/regular_file.hpp"
#include "net/unique_fd.hpp"

namespace millrace::ingest {

namespace {

// 4096 forwards with the longest names and URLs, escaped.
constexpr JsonLimits kLimits{.bytes = 32UL << 20, .depth = 4, .values = 20'000};

tl::unexpected<Error> system_failure(const std::string& path) {
  return fail("ingest.forward_store", path + ": " + std::generic_category().message(errno));
}

std::optional<std::vector<StoredForward>> parse(std::string_view text) {
  const std::optional<nlohmann::json> document = parse_json(text, kLimits);
  if (!document || !document->is_object()) return std::nullopt;
  const auto list = document->find("forwards");
  if (list == document->end() || !list->is_array()) return std::nullopt;
  std::vector<StoredForward> forwards;
  for (const nlohmann::json& entry : *list) {
    const auto member = [&entry](const char* name) { return entry.value(name, nlohmann::json()); };
    if (!entry.is_object() || !member("id").is_string() || !member("stream").is_string() ||
        !member("url").is_string())
      return std::nullopt;
    forwards.push_back({entry["id"], entry["stream"], entry["url"]});
  }
  return forwards;
}

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const net::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file || ::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) return system_failure(path);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure(path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::vector<StoredForward>> ForwardStore::load() const {
  if (::access(path_.c_str(), F_OK) != 0 && errno == ENOENT) return std::vector<StoredForward>();
  const Result<std::string> text = read_regular_file(path_, kLimits.bytes);
  auto forwards = text ? parse(*text) : std::nullopt;
  if (forwards) return *std::move(forwards);
  const std::string aside = path_ + ".damaged";
  const bool moved = std::rename(path_.c_str(), aside.c_str()) == 0;
  return fail("ingest.forward_store", path_ + ": " + (text ? "it is damaged" : text.error().message) +
                                          (moved ? "; it is " + aside + " now" : ""));
}

Result<void> ForwardStore::save(const std::vector<StoredForward>& forwards) const {
  nlohmann::json list = nlohmann::json::array();
  for (const StoredForward& each : forwards)
    list.push_back({{"id", each.id}, {"stream", each.stream_id}, {"url", each.url}});
  const std::string draft = path_ + ".new";
  const std::string directory = path_.substr(0, path_.rfind('/'));
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return system_failure(directory);
  const std::string text =
      nlohmann::json{{"forwards", list}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (Result<void> written = write_private_file(draft, text); !written) return written;
  return std::rename(draft.c_str(), path_.c_str()) == 0 ? Result<void>() : system_failure(path_);
}

}  // namespace millrace::ingest
