// Command lines of test programs: --name value, --flag, and the rest in order.
#pragma once

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "socket.hpp"

namespace millrace::tools {

class Options {
 public:
  Options(int argc, char** argv, const std::set<std::string>& with_value, const std::set<std::string>& flags,
          const std::string& usage) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (with_value.count(word) != 0 && i + 1 < argc) {
        values_[word].push_back(argv[++i]);
      } else if (flags.count(word) != 0) {
        values_[word].push_back("");
      } else if (word.rfind("--", 0) == 0) {
        die(usage);
      } else {
        arguments.push_back(word);
      }
    }
  }

  bool has(const std::string& name) const { return values_.count(name) != 0; }
  std::vector<std::string> all(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second;
  }
  std::string text(const std::string& name, const std::string& missing) const {
    const auto found = values_.find(name);
    return found == values_.end() ? missing : found->second.back();
  }
  double number(const std::string& name, double missing) const {
    const auto found = values_.find(name);
    return found == values_.end() ? missing : std::strtod(found->second.back().c_str(), nullptr);
  }

  std::vector<std::string> arguments;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace millrace::tools
