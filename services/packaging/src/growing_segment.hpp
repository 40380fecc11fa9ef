// The answer to a request for the segment that grows: its parts as they close, from the log's memory, until
// it is whole. No byte of a part is sent before the whole part can be (delivery.md 9).
//
//   view published ── ViewTable ── wake ──> connection ── pump ──> parts that are closed by now
//
// Owner: an HTTP connection; its thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/live.hpp"
#include "stream_view.hpp"

namespace millrace::packaging {

class GrowingSegment final : public http::LiveStream {
 public:
  static constexpr std::size_t kMaxReceived = 64U << 10;  // what a client may send meanwhile

  // views outlives this. finished: called once it is whole, with its size.
  GrowingSegment(const ViewTable& views, std::string stream_id, std::string rendition,
                 const SegmentName& name, std::function<void(std::uint64_t size)> finished)
      : views_(views),
        stream_id_(std::move(stream_id)),
        rendition_(std::move(rendition)),
        name_(name),
        finished_(std::move(finished)) {}

  Progress pump(http::LiveOutput& output, std::int64_t now_us) override;
  void receive(ByteView bytes, std::int64_t now_us) override;
  void drain() override { draining_ = true; }
  void attach(const std::function<void()>& wake) override;

 private:
  // Of the next part, into file_. kMore: there is one.
  Progress next_part();
  Progress send(http::LiveOutput& output);

  const ViewTable& views_;
  const std::string stream_id_;
  const std::string rendition_;
  const SegmentName name_;
  const std::function<void(std::uint64_t size)> finished_;
  std::shared_ptr<const void> watch_;
  std::shared_ptr<const SegmentFile> file_;  // of the part that is being sent
  std::size_t next_ = 0;                     // index of the part after it
  std::uint64_t sent_ = 0;                   // of file_
  std::uint64_t size_ = 0;                   // of all parts sent whole
  std::size_t received_ = 0;
  bool draining_ = false;
};

}  // namespace millrace::packaging
