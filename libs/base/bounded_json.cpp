#include "base/bounded_json.hpp"

#include <utility>
#include <vector>

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxFieldName = 64;  // of what a fault repeats

// Builds the value, and stops at the first thing that is not allowed: nlohmann's own DOM parser takes members
// twice and any depth. The reader itself refuses invalid UTF-8.
class BoundedBuilder {
 public:
  explicit BoundedBuilder(const JsonLimits& limits) : limits_(limits) {}

  // The interface of nlohmann's SAX parser; false stops it.
  bool null() { return add(Json(nullptr)); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(Json::number_integer_t value) { return add(Json(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(Json(value)); }
  bool number_float(Json::number_float_t value, const Json::string_t& /*text*/) { return add(Json(value)); }
  bool string(Json::string_t& value) { return add(Json(std::move(value))); }
  bool binary(Json::binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return open(Json::object()); }
  bool start_array(std::size_t /*size*/) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(Json::string_t& name) {
    if (open_.back()->contains(name)) return stop(name, "is there twice");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return stop("", "is not valid JSON");
  }

  std::optional<JsonFault> fault;
  Json root;

 private:
  bool stop(std::string_view field, std::string_view message) {
    if (!fault) fault = JsonFault{std::string(field.substr(0, kMaxFieldName)), std::string(message)};
    return false;
  }
  Json* place(Json&& value) {
    if (open_.empty()) return &(root = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }
  bool add(Json&& value) {
    if (++values_ > limits_.values) return stop("", "has too many values");
    place(std::move(value));
    return true;
  }
  // A pointer into an array stays good: its siblings come only after it is closed.
  bool open(Json&& value) {
    if (++values_ > limits_.values) return stop("", "has too many values");
    if (open_.size() >= limits_.depth) return stop("", "is nested too deeply");
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  std::vector<Json*> open_;
  std::string key_;
  std::size_t values_ = 0;
};

}  // namespace

std::optional<Json> parse_json(std::string_view text, const JsonLimits& limits, JsonFault* fault) {
  std::optional<JsonFault> found;
  if (text.size() > limits.bytes) {
    found = JsonFault{"", "is too large"};
  } else {
    BoundedBuilder builder(limits);
    if (Json::sax_parse(text, &builder)) return std::move(builder.root);
    found = builder.fault.value_or(JsonFault{"", "is not valid JSON"});
  }
  if (fault != nullptr) *fault = std::move(*found);
  return std::nullopt;
}

}  // namespace millrace
