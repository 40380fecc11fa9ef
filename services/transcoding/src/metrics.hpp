// What transcoding counts, in prometheus-cpp's terms. Names: millrace_transcoding_*. Thread-safe.
#pragma once

#include <memory>

#include "child_table.hpp"

namespace prometheus {
class Collectable;
}

namespace millrace::transcoding {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void started();
  void failed();
  void counted(const ChildTable::Counts& counts);

  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::transcoding
