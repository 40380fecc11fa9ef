// The forwards of one shard: begins and ends them as streams and targets come and go. Each forward of a
// stream lives on the shard that its ids are dealt to, wherever the publisher is.
//
// Owner: the shard; its thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "forward/forward.hpp"
#include "forward/forwards.hpp"
#include "net/standing_task.hpp"

namespace millrace::ingest {

class Shard;

class ForwardSet {
 public:
  ForwardSet(Shard& shard, Forwards& forwards);
  ~ForwardSet();
  ForwardSet(const ForwardSet&) = delete;
  ForwardSet& operator=(const ForwardSet&) = delete;

  void stream_began(const LiveStreamPtr& stream);
  void stream_ended(const LiveStreamPtr& stream);
  // The targets of live streams have changed: of this one, or "*" of all.
  void targets_changed(const std::string& stream_id);
  void wake(const LiveStreamPtr& stream);
  void tick(std::int64_t now_us);
  void close_all();

  Forwards& forwards() { return forwards_; }
  // Runs work with the forward, if it still exists; after what runs now.
  void post_to(std::uint64_t number, std::function<void(Forward&)> work);
  // Of the forward in this set that has this number, once the running call is over.
  void remove_gone();

 private:
  void sync(const LiveStreamPtr& stream);
  bool is_ours(const ForwardSpec& spec, const std::string& stream_id) const;
  void watch(const LiveStream* stream);

  Shard& shard_;
  Forwards& forwards_;
  std::map<std::uint64_t, std::unique_ptr<Forward>> all_;
  std::uint64_t next_number_ = 1;
  net::StandingTask remove_gone_;
};

}  // namespace millrace::ingest
