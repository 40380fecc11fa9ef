#include "json_body.hpp"

#include <algorithm>

namespace millrace::api {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxFieldName = 64;  // of what an answer repeats

}  // namespace

JsonBody JsonBody::parse(std::string_view text, const JsonLimits& limits) {
  JsonBody body;
  JsonFault fault;
  std::optional<Json> document = parse_json(text, limits, &fault);
  if (!document) {
    const std::string message = fault.field.empty() ? "The body " + fault.message + "." : fault.message;
    body.fault_ = BodyFault{fault.field, message, true};
  } else if (!document->is_object()) {
    body.fault_ = BodyFault{"", "The body must be a JSON object.", true};
  } else {
    body.members_ = std::move(*document);
  }
  return body;
}

const Json* JsonBody::find(std::string_view field) {
  known_.emplace_back(field);
  const auto found = members_.find(field);
  return found == members_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> JsonBody::text(std::string_view field, std::size_t max_bytes) {
  const Json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fail(field, "must be a string");
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    fail(field, "is too long: at most " + std::to_string(max_bytes) + " bytes");
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> JsonBody::integer(std::string_view field, std::int64_t least, std::int64_t most) {
  const Json* value = find(field);
  if (value == nullptr) return std::nullopt;
  const auto refused = [&] {
    fail(field, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  };
  if (!value->is_number_integer()) return refused();
  const bool huge = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
  if (huge) return refused();
  const auto number = value->get<std::int64_t>();
  if (number < least || number > most) return refused();
  return number;
}

std::optional<bool> JsonBody::boolean(std::string_view field) {
  const Json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    fail(field, "must be true or false");
    return std::nullopt;
  }
  return value->get<bool>();
}

std::string JsonBody::required_text(std::string_view field, std::size_t max_bytes) {
  std::optional<std::string> value = text(field, max_bytes);
  if (!value) fail(field, "is needed");
  return std::move(value).value_or("");
}

bool JsonBody::is_null(std::string_view field) const {
  const auto found = members_.find(field);
  return found != members_.end() && found->is_null();
}

void JsonBody::refuse(std::string_view field, std::string_view message) {
  known_.emplace_back(field);
  if (members_.contains(field)) fail(field, message);
}

void JsonBody::refuse_others() {
  for (const auto& [name, value] : members_.items()) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      return fail(std::string_view(name).substr(0, kMaxFieldName), "is not a known field");
  }
}

void JsonBody::fail(std::string_view field, std::string_view message) {
  if (!fault_) fault_ = BodyFault{std::string(field), std::string(message), false};
}

http::Response JsonBody::refusal(int status) const {
  const BodyFault fault = fault_.value_or(BodyFault{});
  if (fault.malformed) return invalid_field(400, "bad_body", fault.field, fault.message);
  return invalid_field(status, "invalid_field", fault.field, fault.message);
}

http::Response invalid_field(int status, std::string_view code, std::string_view field,
                             std::string_view message) {
  const std::string text =
      field.empty() ? std::string(message) : std::string(field) + ": " + std::string(message);
  http::Response response = http::Response::problem(status, code, text);
  nlohmann::ordered_json document = nlohmann::ordered_json::parse(std::get<std::string>(response.body));
  if (!field.empty()) document["field"] = field;
  document["status_code"] = 10'000 + status;
  document["data"] = nullptr;
  response.body = document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace millrace::api
