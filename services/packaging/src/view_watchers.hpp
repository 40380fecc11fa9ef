// Who wants to know of a stream's next view: answers that are sent as it grows. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::packaging {

class ViewWatchers {
 public:
  using Wake = std::function<void()>;

  // wake is called by notify() of the stream, on its thread, until the token is gone; also once more while it
  // goes. It must not block.
  [[nodiscard]] std::shared_ptr<const void> add(std::string_view stream_id, Wake wake);
  void notify(std::string_view stream_id);
  void notify_all();
  std::size_t size() const;

 private:
  using Entries = std::vector<std::weak_ptr<const Wake>>;
  mutable std::mutex mutex_;
  std::map<std::string, Entries, std::less<>> entries_;
};

}  // namespace millrace::packaging
