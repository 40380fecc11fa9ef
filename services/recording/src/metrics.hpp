// What recording counts, in prometheus-cpp's terms. Names: millrace_recording_*. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace prometheus {
class Collectable;
}

namespace millrace::recording {

struct Progress;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void progressed(const Progress& progress);
  void file_finished();
  void failed(std::string_view code);
  void active(std::size_t recordings);
  void waiting_to_finish(std::size_t files);

  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::recording
