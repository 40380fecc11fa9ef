// Which publications ingest says are live. Written by the bus thread, read by any.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::auth {

struct LivePublication {
  std::string stream_id;
  std::uint64_t publication_id = 0;
  std::uint64_t epoch = 0;
  std::string session_id;
};

class LiveView {
 public:
  void replace(const std::vector<LivePublication>& all);
  void add(const LivePublication& publication);
  void remove(std::string_view stream_id, std::uint64_t publication_id);
  std::optional<LivePublication> find(std::string_view stream_id) const;
  std::vector<LivePublication> all() const;
  // Whether ingest has reported everything since this process began.
  bool known() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, LivePublication, std::less<>> live_;
  bool known_ = false;
};

}  // namespace millrace::auth
