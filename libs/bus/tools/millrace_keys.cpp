// millrace-keys DIRECTORY [NAME …]: makes a key for each service and the operator (or for the names given)
// that has none there. keys.hpp says what the files are. Prints a line for each key that it made; nothing
// secret.
#include <iostream>

#include "base/command_line.hpp"
#include "bus/endpoints.hpp"
#include "bus/keys.hpp"
#include "bus/rights.hpp"

int main(int argc, char** argv) {
  using namespace millrace::bus;
  constexpr int kUsage = 64;
  constexpr const char* kHelp = "usage: millrace-keys DIRECTORY [NAME ...]\n";
  if (millrace::asks_for_help({argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0})) {
    std::cout
        << "millrace-keys: makes the keys of the bus, one for each service and the operator (BUS_KEYS,\n"
           "docs/configuration.md), where they are missing\n"
        << kHelp;
    return 0;
  }
  if (argc < 2 || argv[1][0] == '-') {
    std::cerr << kHelp;
    return kUsage;
  }
  std::vector<std::string> names(argv + 2, argv + argc);
  if (names.empty()) {
    names.assign(services().begin(), services().end());
    names.emplace_back(kOperator);
  }
  const auto made = make_keys(argv[1], names);
  if (!made) {
    std::cerr << "millrace-keys: " << made.error().message << " (" << made.error().code << ")\n";
    return 1;
  }
  for (const std::string& name : *made) std::cout << "made " << argv[1] << '/' << name << ".secret\n";
  return 0;
}
