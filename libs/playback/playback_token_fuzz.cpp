// Claims that parse are written as the same bytes again, whatever they are; a token that nobody signed is
// none.
#include <algorithm>
#include <cstdlib>

#include "base/base64url.hpp"
#include "base/ids.hpp"
#include "playback/playback_token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  static const auto keys = playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
  const ByteView bytes(data, size);
  if (keys.verify(as_text(bytes)) || keys.verify(encode_base64url(bytes))) std::abort();
  const auto parsed = playback::parse_claims(bytes);
  if (!parsed) return 0;
  if (!is_valid_id(parsed->claims.stream_id)) std::abort();
  const Bytes again = playback::serialize_claims(parsed->key_id, parsed->claims);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  if (keys.verify(keys.sign(parsed->claims)) != parsed->claims) std::abort();
  return 0;
}
