// A URL that parses is made of what was given, and its label holds no secret that is not in it by its own
// name.
#include <cstdlib>

#include "base/bytes.hpp"
#include "rtmp/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const auto url = rtmp::parse_url(as_text(ByteView(data, size)));
  if (!url) return 0;
  if (url->host.empty() || url->app.empty() || url->name.empty() || url->port == 0) std::abort();
  const auto again = rtmp::parse_url(url->tc_url() + "/" + url->name);
  if (!again || again->host != url->host || again->app != url->app || again->name != url->name) std::abort();
  return 0;
}
