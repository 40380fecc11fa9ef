// A player's report: bounded whatever it is, and the same when read again.
#include <cstdlib>

#include "cmcd.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::packaging;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ClientReport first;
  read_client_report(text, first);
  ClientReport second;
  read_client_report(text, second);
  if (first.session.size() > kMostSessionBytes || !(first == second)) std::abort();
  return 0;
}
