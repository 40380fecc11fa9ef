// Child processes: started with nothing of this one but standard error, ended, and waited for. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace millrace::transcoding {

struct ProcessEnd {
  int status = 0;  // exit status; of no use with a signal
  int signal = 0;  // that killed it; 0: it ended by itself

  std::string text() const;  // "status 1", "signal 9"
};

// environment: all that it gets, NAME=value: secrets of this process are none of its business. It has no file
// descriptors but the standard ones. "transcoding.start".
Result<int> start_process(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment);
// nullopt: it still runs.
std::optional<ProcessEnd> end_of_process(int pid);
void signal_process(int pid, int number);

// The program of that name that was installed with this one.
std::string program_beside_this(const std::string& name);

}  // namespace millrace::transcoding
