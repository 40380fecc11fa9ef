// Whatever a client sends as JSON: read within the bounds or refused, and a refusal is an answer that can be
// read.
#include <cstdlib>

#include "json_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::api;
  JsonBody body = JsonBody::parse({reinterpret_cast<const char*>(data), size});
  (void)body.text("email", 254);
  (void)body.integer("maxBitrate", 0, 10'000);
  (void)body.boolean("is_active");
  body.refuse_others();
  if (!body.fault()) return 0;
  const millrace::http::Response answer = body.refusal(422);
  if (answer.status != 400 && answer.status != 422) std::abort();
  const nlohmann::json document = nlohmann::json::parse(std::get<std::string>(answer.body), nullptr, false);
  if (document.is_discarded() || document["status"] != answer.status) std::abort();
  return 0;
}
