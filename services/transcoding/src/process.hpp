// Child processes: started with nothing of this one but standard error, ended, and waited for. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/unique_fd.hpp"

namespace millrace::transcoding {

struct ProcessEnd {
  int status = 0;  // exit status; of no use with a signal
  int signal = 0;  // that killed it; 0: it ended by itself

  std::string text() const;  // "status 1", "signal 9"
};

// This process's ends of a child's standard input and output.
struct ProcessPipes {
  net::UniqueFd input;   // to be written to; neither waits
  net::UniqueFd output;  // to be read from
};

// pipes: null: it reads nothing, and what it says is lost. environment: all that it gets, NAME=value:
// secrets of this process are none of its business. It has no file
// descriptors but the standard ones. "transcoding.start".
Result<int> start_process(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment, ProcessPipes* pipes = nullptr);
// What can be read at once, at most kMostOutput bytes: the rest next time.
inline constexpr std::size_t kMostOutput = 64U << 10;
std::string read_available(int descriptor);
// nullopt: it still runs.
std::optional<ProcessEnd> end_of_process(int pid);
void signal_process(int pid, int number);

// The program of that name that was installed with this one.
std::string program_beside_this(const std::string& name);

}  // namespace millrace::transcoding
