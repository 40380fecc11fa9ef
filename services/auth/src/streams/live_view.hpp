// Which publications ingest says are live, and which of its instances are there to say so. Written by the bus
// thread, read by any; outlives the owners that work by it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/publication_ids.hpp"

namespace millrace::auth {

struct LivePublication {
  std::string stream_id;
  PublicationId publication_id{};
  Epoch epoch{};
  std::string session_id;
  std::string instance;  // of ingest, that has it
};

class LiveView {
 public:
  // The instance is there, and this is what is live at it and no other. Comes back: what of it another
  // instance's newer publication of the stream has put in the past, or that put others' in the past; they are
  // to be ended where they are.
  std::vector<LivePublication> replace(const std::string& instance, const std::vector<LivePublication>& all);
  std::vector<LivePublication> add(const LivePublication& publication);
  void remove(std::string_view stream_id, PublicationId publication_id);
  std::optional<LivePublication> find(std::string_view stream_id) const;
  std::vector<LivePublication> all() const;
  // Whether an ingest has reported everything since this process began.
  bool known() const;
  // It is silent; what was live at it stays. Empty: the one that was looked for first never answered.
  void lost(const std::string& instance, std::int64_t now_us);
  // What is live at instances that have been lost since before then: live no more.
  std::vector<LivePublication> take_lost_before(std::int64_t then_us);
  // Since when no instance has been there; 0: one is, or may be.
  std::int64_t none_since_us() const;

 private:
  std::optional<LivePublication> put(const LivePublication& publication);

  mutable std::mutex mutex_;
  std::map<std::string, LivePublication, std::less<>> live_;
  bool known_ = false;
  std::set<std::string> instances_;           // that are there
  std::map<std::string, std::int64_t> lost_;  // since when
  std::int64_t none_since_us_ = 0;
};

}  // namespace millrace::auth
