// GET /api/v1/users/?skip=0&limit=100: all accounts, oldest first, for administrators. Without pictures, and
// without anybody's key.
#include <charconv>

#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::uint32_t kMost = 100;

// nullopt: not a number in its range.
std::optional<std::uint32_t> number(const Call& call, std::string_view name, std::uint32_t otherwise,
                                    std::uint32_t most) {
  for (const auto& [key, value] : call.query) {
    if (key != name) continue;
    std::uint32_t parsed = 0;
    const char* const end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, parsed);
    return error == std::errc() && stopped == end && parsed <= most ? std::optional(parsed) : std::nullopt;
  }
  return otherwise;
}

}  // namespace

http::Response user_list_get(const Call& call, const Context& context) {
  const std::optional<std::uint32_t> skip = number(call, "skip", 0, 1'000'000'000);
  const std::optional<std::uint32_t> limit = number(call, "limit", kMost, kMost);
  if (!skip) return invalid_field(422, "invalid_field", "skip", "must be a whole number");
  if (!limit) return invalid_field(422, "invalid_field", "limit", "must be a whole number up to 100");
  bus::v1::Request request;
  request.mutable_list_accounts()->set_skip(*skip);
  request.mutable_list_accounts()->set_limit(*limit);
  const Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply || !reply->has_account_list()) return unavailable("auth");
  nlohmann::ordered_json accounts = nlohmann::ordered_json::array();
  for (const auth::v1::Account& account : reply->account_list().accounts())
    accounts.push_back(describe(account));
  return json_response(
      200,
      nlohmann::ordered_json{{"data", std::move(accounts)}, {"count", reply->account_list().count()}}.dump());
}

}  // namespace millrace::api
