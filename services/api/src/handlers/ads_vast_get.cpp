// GET /ads/vast: our own VAST document: the operator's advertisement, or none.
#include "ads.hpp"
#include "base/secret.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response ads_vast_get(const Call& /*call*/, const Context& context) {
  constexpr std::size_t kServingIdBytes = 16;
  http::Response response = http::Response::text(200, "application/xml; charset=utf-8",
                                                 vast_document(context.ads, random_hex(kServingIdBytes)));
  response.headers.add("Cache-Control", "no-store");
  return response;
}

}  // namespace millrace::api
