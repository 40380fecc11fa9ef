#include "encoder_trial.hpp"

#include <csignal>
#include <optional>

#include "backoff.hpp"
#include "base/log.hpp"

namespace millrace::transcoding {
namespace {

const std::string kUntried = "the encoder cannot be tried: ";
const std::string kLate = kUntried + "no answer within 30 s";

}  // namespace

// Not waited for: a driver may hold it.
EncoderTrial::~EncoderTrial() {
  signal_process(pid_, SIGKILL);
}

void EncoderTrial::look(Time now) {
  if (refused_ || !chosen_.empty()) return;
  if (pid_ != 0) return read(now);
  if (now >= due_) start(now);
}

void EncoderTrial::start(Time now) {
  pipes_ = {};
  said_.clear();
  std::vector<std::string> arguments = arguments_;
  arguments.insert(arguments.end(), {"--choose", "--encoder", encoder_});
  const Result<int> pid = start_process(program_, arguments, environment_, &pipes_);
  if (!pid) return failed(kUntried + pid.error().message, now);
  pid_ = *pid;
  began_ = now;
}

void EncoderTrial::read(Time now) {
  const std::optional<ProcessEnd> end = end_of_process(pid_);
  said_ += read_available(pipes_.output.get());
  if (!end) {
    const bool late = now - began_ >= kLongest;
    if (late) note(kLate);
    if (late || said_.size() > kMostOutput) signal_process(pid_, SIGKILL);
    return;
  }
  pid_ = 0;
  pipes_ = {};
  ended(*end, now);
}

void EncoderTrial::ended(const ProcessEnd& end, Time now) {
  const std::string line = said_.substr(0, said_.find('\n'));
  if (end.signal == 0 && end.status == kNoEncoder) {
    refused_ = true;
    return note("the encoder cannot be used" + (line.empty() ? "" : ": " + line));
  }
  if (end.signal != 0 && now - began_ >= kLongest) return failed(kLate, now);
  if (end.signal != 0 || end.status != 0) return failed(kUntried + end.text(), now);
  if (line.empty()) return failed(kUntried + "it said nothing", now);
  chosen_ = line;
  trouble_.clear();
  log::info("encoder chosen", {{"encoder", chosen_}});
}

void EncoderTrial::failed(const std::string& trouble, Time now) {
  due_ = now + delay_after(++failures_, kFirstDelay, kLongestDelay);
  note(trouble);
}

// Logged once, however often it is tried.
void EncoderTrial::note(const std::string& trouble) {
  if (trouble_ == trouble) return;
  trouble_ = trouble;
  log::error("there is no encoder", {{"encoder", encoder_}, {"reason", trouble}});
}

}  // namespace millrace::transcoding
