// GET /ads/vast-tag: the URL where a player asks for an advertisement. ?streamId=, ?interest= and ?age= go
// into it where the operator's template has them.
#include <charconv>

#include "ads.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"
#include "handlers/documents.hpp"
#include "json_body.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::uint64_t kCachebusters = 10'000'000'000;
constexpr unsigned kOldest = 150;

bool is_age(std::string_view text) {
  unsigned age = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), age);
  return error == std::errc() && end == text.data() + text.size() && age <= kOldest;
}

}  // namespace

http::Response ads_tag_get(const Call& call, const Context& context) {
  TagParameters parameters;
  for (const auto& [name, value] : call.query) {
    if (value.empty()) continue;
    if (name == "streamId") {
      if (!is_valid_id(value)) return invalid_field(400, "invalid_field", name, "is no stream id");
      parameters.stream_id = value;
    } else if (name == "interest") {
      if (!is_ad_interest(value))
        return invalid_field(400, "invalid_field", name,
                             "may have 64 letters, digits, spaces, '-', '_', ',' and '.'");
      parameters.interest = value;
    } else if (name == "age") {
      if (!is_age(value)) return invalid_field(400, "invalid_field", name, "must be a whole number to 150");
      parameters.age = value;
    }
  }
  parameters.cachebuster = std::to_string(random_u64() % kCachebusters);
  const std::string own = context.urls.api_base + "/ads/vast?streamId={streamId}&cb={cachebuster}";
  const std::string& given = context.ads.tag_template;
  return json_response(200, text_of({{"vastTag", fill_tag(given.empty() ? own : given, parameters)}}));
}

}  // namespace millrace::api
