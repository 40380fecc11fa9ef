// What transcoding counts, in prometheus-cpp's terms. Names: millrace_transcoding_*. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "child_status.hpp"
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
  // Of a stream's child, since it was started; before: as it said the last
  // time.
  void said(const std::string& stream_id, const ChildStatus& before, const ChildStatus& now);
  // It has no child any more.
  void forget(const std::string& stream_id);
  // wanted: renditions.
  void counted(const ChildTable::Counts& counts, std::size_t wanted);

  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct Families;
  struct Stream;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::transcoding
