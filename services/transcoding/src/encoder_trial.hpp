// Whether the encoder that is asked for can be used, found out by a child (millrace-transcoder --choose)
// before any stream is there. One that does not answer is killed; what fails is tried again, what the child
// says cannot be used is not. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "process.hpp"

namespace millrace::transcoding {

inline constexpr int kNoEncoder = 69;  // what a child says of an encoder that cannot be used

class EncoderTrial {
 public:
  using Time = std::chrono::milliseconds;   // since any fixed point
  static constexpr Time kLongest{30'000};   // then it is killed
  static constexpr Time kFirstDelay{1000};  // after failures: 1, 2, 4, … s
  static constexpr Time kLongestDelay{30'000};

  // arguments, environment: of every child. encoder: as RTMP_ENCODER names it.
  EncoderTrial(std::string program, std::vector<std::string> arguments, std::vector<std::string> environment,
               std::string encoder)
      : program_(std::move(program)),
        arguments_(std::move(arguments)),
        environment_(std::move(environment)),
        encoder_(std::move(encoder)) {}
  ~EncoderTrial();
  EncoderTrial(const EncoderTrial&) = delete;
  EncoderTrial& operator=(const EncoderTrial&) = delete;

  // Starts and reads, until it is known.
  void look(Time now);
  // Empty: not known yet, or none.
  const std::string& chosen() const { return chosen_; }
  // Why there is none, for the operator; empty: nothing has failed.
  const std::string& trouble() const { return trouble_; }

 private:
  void start(Time now);
  void read(Time now);
  void ended(const ProcessEnd& end, Time now);
  void failed(const std::string& trouble, Time now);
  void note(const std::string& trouble);

  const std::string program_;
  const std::vector<std::string> arguments_;
  const std::vector<std::string> environment_;
  const std::string encoder_;
  int pid_ = 0;
  ProcessPipes pipes_{};
  std::string said_;
  std::string chosen_;
  std::string trouble_;
  bool refused_ = false;
  Time due_{INT64_MIN};
  Time began_{0};
  unsigned failures_ = 0;  // in a row
};

}  // namespace millrace::transcoding
