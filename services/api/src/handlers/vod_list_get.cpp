// GET /vod/list, /vod: the names of the finished recordings, in the order of their names: the newest 1500, or
// a page of all of them (limit, offset).
#include <charconv>

#include "handlers/documents.hpp"
#include "json_body.hpp"
#include "recording_access.hpp"
#include "recordings.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::uint64_t kMostOffset = 1'000'000;

struct Page {
  bool asked = false;  // for a page at all
  std::uint64_t offset = 0;
  std::uint64_t limit = Recordings::kMostReturned;
  std::string fault;  // the parameter that is no good
};

bool read_number(std::string_view text, std::uint64_t least, std::uint64_t most, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
}

Page read_page(const Call& call) {
  Page page;
  for (const auto& [name, value] : call.query) {
    if (name != "limit" && name != "offset") continue;
    page.asked = true;
    const bool good = name == "limit" ? read_number(value, 1, Recordings::kMostReturned, page.limit)
                                      : read_number(value, 0, kMostOffset, page.offset);
    if (!good && page.fault.empty()) page.fault = name;
  }
  return page;
}

std::vector<std::string> cut(std::vector<std::string> names, const Page& page) {
  const std::size_t begin = std::min<std::size_t>(page.offset, names.size());
  const std::size_t end = std::min<std::size_t>(begin + page.limit, names.size());
  return {names.begin() + static_cast<std::ptrdiff_t>(begin),
          names.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

http::Response vod_list_get(const Call& call, const Context& context) {
  const Page page = read_page(call);
  if (!page.fault.empty()) {
    const std::string range = page.fault == "limit" ? "1 to 1500" : "0 to 1000000";
    return invalid_field(400, "invalid_field", page.fault, "must be a whole number from " + range);
  }
  Result<std::vector<std::string>> names = context.recordings.names();
  if (!names) return unavailable("recording");
  auto visible = visible_recordings(call, context, std::move(*names));
  if (!visible) return visible.error();
  const std::string total = std::to_string(visible->size());
  const std::vector<std::string> shown =
      page.asked ? cut(std::move(*visible), page)
                 : context.recordings.newest(std::move(*visible), Recordings::kMostReturned);
  const bool shared = call.identity.role == policy::Role::kAnyone;
  http::Response response =
      shared ? shared_response(text_of(Json(shown))) : json_response(200, text_of(Json(shown)));
  response.headers.add("X-Total-Count", total);
  return response;
}

}  // namespace millrace::api
