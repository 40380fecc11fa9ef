// The answer to a request for the segment that grows: its parts as they close, from the log's memory, until
// it is whole. No byte of a part is sent before the whole part can be (RFC 8216bis 6.2.6).
//
//   view published ── ViewTable ── wake ──> connection ── pump ──> parts that are closed by now
//
// Owner: an HTTP connection; its thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/live.hpp"
#include "stream_view.hpp"

namespace millrace::packaging {

class GrowingSegment final : public http::LiveStream {
 public:
  static constexpr std::int64_t kDrainPatienceUs = 1'000'000;

  struct Wanted {
    std::string stream_id;
    std::string rendition;
    SegmentName name;
  };
  // views outlives this. patience_us: how long it waits for a part. allowed: asked before each part, with a
  // monotonic time. finished: called once it is whole, with its size.
  GrowingSegment(const ViewTable& views, Wanted wanted, std::int64_t patience_us,
                 std::function<bool(std::int64_t now_us)> allowed,
                 std::function<void(std::uint64_t size)> finished)
      : views_(views),
        wanted_(std::move(wanted)),
        patience_us_(patience_us),
        allowed_(std::move(allowed)),
        finished_(std::move(finished)) {}

  Progress pump(http::LiveOutput& output, std::int64_t now_us) override;
  // What grows is sent to its end, unless nothing comes for a while.
  void drain() override { draining_ = true; }
  bool ends_soon() const override { return true; }
  std::int64_t due_us() const override;
  void attach(const std::function<void()>& wake) override;

 private:
  // Of the next part, into file_. kMore: there is one.
  Progress next_part();
  Progress send(http::LiveOutput& output);

  const ViewTable& views_;
  const Wanted wanted_;
  const std::int64_t patience_us_;
  const std::function<bool(std::int64_t now_us)> allowed_;
  const std::function<void(std::uint64_t size)> finished_;
  std::shared_ptr<const void> watch_;
  std::shared_ptr<const SegmentFile> file_;  // of the part that is being sent
  std::size_t next_ = 0;                     // index of the part after it
  std::uint64_t sent_ = 0;                   // of file_
  std::uint64_t size_ = 0;                   // of all parts sent whole
  std::optional<std::int64_t> idle_since_us_;
  bool draining_ = false;
};

}  // namespace millrace::packaging
