// The body of a request as an object of JSON, read with bounds (base/bounded_json.hpp). Handlers ask for the
// members they know; the first thing that is wrong is kept and names its member.
//
//   Result-like use:
//     JsonBody body = JsonBody::parse(call.body);
//     const std::string name = body.required_text("dj_name", 64);
//     const std::optional<std::int64_t> rate = body.integer("maxBitrate", 0, 10'000);
//     body.refuse_others();
//     if (body.fault()) return body.refusal(422);
//
// Plain value; one thread at a time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_json.hpp"
#include "http/message.hpp"

namespace millrace::api {

// What is wrong with a body. field: the path of the member ("settings.maxBitrate"); empty when it is the
// body.
struct BodyFault {
  std::string field;
  std::string message;     // for people; never quotes a value
  bool malformed = false;  // no JSON object at all, or beyond the limits: 400 whatever the handler says
};

class JsonBody {
 public:
  // A body that cannot be read has its fault set and no members.
  [[nodiscard]] static JsonBody parse(std::string_view text, const JsonLimits& limits = {});

  // Absent members, and null, are nullopt. Another type, or a value outside the bounds, is a fault.
  std::optional<std::string> text(std::string_view field, std::size_t max_bytes);
  std::optional<std::int64_t> integer(std::string_view field, std::int64_t least, std::int64_t most);
  std::optional<bool> boolean(std::string_view field);
  // A fault when absent; the value is then empty.
  std::string required_text(std::string_view field, std::size_t max_bytes);

  // It is there and null: for members that can be taken away.
  bool is_null(std::string_view field) const;
  bool contains(std::string_view field) const { return members_.contains(field); }
  // A member that the handler may not take: a fault when it is there.
  void refuse(std::string_view field, std::string_view message);
  // Whatever no call has named so far is a fault.
  void refuse_others();
  // What a handler finds out itself. The first fault stays.
  void fail(std::string_view field, std::string_view message);

  const std::optional<BodyFault>& fault() const { return fault_; }
  // The answer to the fault: 400 for a body that cannot be read, else status, usually 400 or 422.
  http::Response refusal(int status) const;

 private:
  const nlohmann::json* find(std::string_view field);

  nlohmann::json members_ = nlohmann::json::object();
  std::vector<std::string> known_;
  std::optional<BodyFault> fault_;
};

// problem+json that names the field, and also has what the documented APIs of older servers have:
// {"status_code": 10000 + status, "message": …, "data": null}. code as in http::Response::problem.
http::Response invalid_field(int status, std::string_view code, std::string_view field,
                             std::string_view message);

}  // namespace millrace::api
