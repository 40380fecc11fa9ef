#include "forward/forward_set.hpp"

#include <algorithm>
#include <functional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

namespace {

// One forward's trouble is not the others'.
template <class Work>
void guarded(Forward& forward, const Work& work) {
  if (!survives("forward", [&] { work(forward); })) forward.on_exception();
}

}  // namespace

ForwardSet::ForwardSet(Shard& shard, Forwards& forwards)
    : shard_(shard), forwards_(forwards), remove_gone_(shard.context(), [this] {
        std::erase_if(all_, [](const auto& entry) { return entry.second->gone(); });
      }) {}

ForwardSet::~ForwardSet() = default;

bool ForwardSet::is_ours(const ForwardSpec& spec, const std::string& stream_id) const {
  const std::size_t dealt = std::hash<std::string>()(stream_id + "/" + spec.id);
  return dealt % shard_.shared().shards.size() == shard_.index();
}

void ForwardSet::stream_began(const LiveStreamPtr& stream) {
  sync(stream);
}

// Begins what is wanted and not there, ends what is there and not wanted; the rest goes on with this
// publication.
void ForwardSet::sync(const LiveStreamPtr& stream) {
  std::vector<ForwardSpecPtr> wanted = forwards_.targets_of(*stream);
  std::erase_if(wanted, [&](const ForwardSpecPtr& spec) { return !is_ours(*spec, stream->stream_id); });
  for (const auto& [number, forward] : all_) {
    if (!forward->lives() || forward->stream_id() != stream->stream_id) continue;
    const auto found = std::find_if(
        wanted.begin(), wanted.end(),
        [&forward = forward](const ForwardSpecPtr& spec) { return same_target(*spec, forward->spec()); });
    if (found == wanted.end()) {
      forward->stop();
    } else {
      wanted.erase(found);
      forward->attach(stream);
    }
  }
  for (const ForwardSpecPtr& spec : wanted) {
    ForwardStatusPtr status = forwards_.begin(*spec, stream->stream_id);
    if (!status) {
      log::warning("no room for a forward", {{"forward", spec->id}, {"stream", stream->stream_id}});
      continue;
    }
    const std::uint64_t number = next_number_++;
    auto forward = std::make_unique<Forward>(*this, shard_, number, spec, std::move(status));
    Forward& begun = *forward;
    all_.emplace(number, std::move(forward));
    begun.attach(stream);
  }
  watch(stream.get());
  wake(stream);  // what came before it was watched
}

void ForwardSet::stream_ended(const LiveStreamPtr& stream) {
  for (const auto& [number, forward] : all_) {
    if (forward->stream() == stream) forward->source_ended();
  }
  watch(stream.get());
}

void ForwardSet::targets_changed(const std::string& stream_id) {
  for (const LiveStreamPtr& stream : shard_.shared().streams.all()) {
    const bool meant = stream_id == ForwardSpec::kEveryStream || stream_id == stream->stream_id;
    const bool live =
        stream->live.load(std::memory_order_acquire) && !stream->ended.load(std::memory_order_acquire);
    if (meant && live) sync(stream);
  }
}

// Publishers notify a shard of new records only while it asks for that.
void ForwardSet::watch(const LiveStream* stream) {
  const std::uint64_t bit = std::uint64_t{1} << shard_.index();
  for (const auto& [number, forward] : all_) {
    if (forward->stream().get() == stream && !stream->ended.load(std::memory_order_acquire)) {
      forward->stream()->forwarding_shards.fetch_or(bit, std::memory_order_acq_rel);
      return;
    }
  }
  const_cast<LiveStream*>(stream)->forwarding_shards.fetch_and(~bit, std::memory_order_acq_rel);
}

void ForwardSet::wake(const LiveStreamPtr& stream) {
  for (const auto& [number, forward] : all_) {
    if (forward->stream() == stream) guarded(*forward, [](Forward& one) { one.wake(); });
  }
}

void ForwardSet::tick(std::int64_t now_us) {
  for (const auto& [number, forward] : all_) guarded(*forward, [now_us](Forward& one) { one.tick(now_us); });
}

void ForwardSet::close_all() {
  for (const auto& [number, forward] : all_) forward->close_now();
  all_.clear();
}

void ForwardSet::post_to(std::uint64_t number, std::function<void(Forward&)> work) {
  shard_.post([this, number, work = std::move(work)] {
    const auto found = all_.find(number);
    if (found != all_.end()) guarded(*found->second, work);
  });
}

void ForwardSet::remove_gone() {
  remove_gone_.request();
}

}  // namespace millrace::ingest
