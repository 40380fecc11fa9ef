#include "forward/forwards.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace millrace::ingest {

namespace {

// "ingest.forward_id", "ingest.forward_stream", "rtmp.url".
Result<ForwardSpecPtr> spec_of(std::string id, std::string stream_id, std::string_view url) {
  if (!is_valid_id(id)) return fail("ingest.forward_id", "the forward's id is not valid");
  if (stream_id != ForwardSpec::kEveryStream && !is_valid_id(stream_id))
    return fail("ingest.forward_stream", "the stream id is not valid");
  auto parsed = rtmp::parse_url(url);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  return std::make_shared<const ForwardSpec>(
      ForwardSpec{std::move(id), std::move(stream_id), std::move(*parsed)});
}

}  // namespace

Result<std::unique_ptr<Forwards>> Forwards::open(const IngestConfig& config) {
  auto egress = net::EgressPolicy::create({.schemes = {"rtmp", "rtmps"}, .allowed = config.forward_allow});
  if (!egress) return fail(egress.error(), "FORWARD_ALLOW");
  auto tls = net::TlsContext::client(config.forward_tls_verify, config.forward_tls_authorities);
  if (!tls) return fail(tls.error(), "FORWARD_TLS_AUTHORITIES");
  auto specs = parse_forward_targets(config.forward_targets.reveal());
  if (!specs) return fail(specs.error(), "FORWARD_TARGETS");
  std::unique_ptr<Forwards> forwards(new Forwards(std::move(*egress), std::move(*tls), config.forward_max));
  for (const ForwardSpecPtr& spec : *specs) {
    if (Result<void> allowed = forwards->check(spec->url); !allowed) {
      return fail(allowed.error(), "FORWARD_TARGETS, " + spec->id + " (FORWARD_ALLOW says what is allowed)");
    }
  }
  forwards->configured_ = std::move(*specs);
  return forwards;
}

void Forwards::set_observer(Observer observer) {
  const std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void Forwards::changed(const std::string& stream_id) const {
  Observer observer;
  {
    const std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (observer) observer(stream_id);
}

// Without user information and name: the policy wants neither.
Result<void> Forwards::check(const rtmp::Url& url) const {
  auto target = egress_.check_url(url.tc_url());
  if (!target) return tl::unexpected<Error>(target.error());
  return {};
}

Result<void> Forwards::start(std::string id, std::string stream_id, std::string_view url) {
  const Result<ForwardSpecPtr> made = spec_of(std::move(id), std::move(stream_id), url);
  if (!made) return tl::unexpected<Error>(made.error());
  const ForwardSpecPtr& spec = *made;
  if (Result<void> allowed = check(spec->url); !allowed) return allowed;
  {
    const std::lock_guard commanding(commanding_);
    const auto found = commanded_.find(spec->id);
    if (found != commanded_.end() && same_target(*found->second.spec, *spec)) return {};
    if (Result<void> room = find_room(*spec); !room) return room;
    Commands commands = commanded_;
    commands.emplace(spec->id, Command{spec, std::string(url)});
    if (Result<void> kept = replace_commands(std::move(commands)); !kept) return kept;
  }
  changed(spec->stream_id);
  return {};
}

Result<void> Forwards::stop(std::string_view id) {
  std::string stream_id;
  {
    const std::lock_guard commanding(commanding_);
    Commands commands = commanded_;
    const auto found = commands.find(id);
    if (found == commands.end())
      return fail("ingest.forward_unknown", "no forward that was started has this id");
    stream_id = found->second.spec->stream_id;
    commands.erase(found);
    if (Result<void> kept = replace_commands(std::move(commands)); !kept) return kept;
  }
  changed(stream_id);
  return {};
}

Result<void> Forwards::find_room(const ForwardSpec& spec) const {
  const auto has_id = [&](const ForwardSpecPtr& each) { return each->id == spec.id; };
  if (commanded_.contains(spec.id) || std::any_of(configured_.begin(), configured_.end(), has_id))
    return fail("ingest.forward_exists", "another forward has this id");
  if (configured_.size() + commanded_.size() >= kMaxTargets)
    return fail("ingest.forward_limit", "there are too many forwards");
  return {};
}

Result<void> Forwards::replace_commands(Commands commands) {
  if (store_) {
    std::vector<StoredForward> all;
    for (const auto& [id, command] : commands) all.push_back({id, command.spec->stream_id, command.url});
    if (Result<void> saved = store_->save(all); !saved) return saved;
  }
  const std::lock_guard lock(mutex_);
  commanded_ = std::move(commands);
  return {};
}

Result<void> Forwards::remember_in(std::string path) {
  {
    const std::lock_guard commanding(commanding_);
    store_.emplace(std::move(path));
    const Result<std::vector<StoredForward>> stored = store_->load();
    if (!stored) return tl::unexpected<Error>(stored.error());
    for (const StoredForward& each : *stored) {
      if (const Result<void> resumed = resume(each); !resumed)
        log::warning("a forward of an earlier command is left out",
                     {{"forward", each.id}, {"code", resumed.error().code}});
    }
  }
  changed(std::string(ForwardSpec::kEveryStream));
  return {};
}

// Where it may lead is judged when it connects, as always: FORWARD_ALLOW may be another one by now.
Result<void> Forwards::resume(const StoredForward& stored) {
  const Result<ForwardSpecPtr> spec = spec_of(stored.id, stored.stream_id, stored.url);
  if (!spec) return tl::unexpected<Error>(spec.error());
  if (Result<void> room = find_room(**spec); !room) return room;
  const std::lock_guard lock(mutex_);
  commanded_.emplace(stored.id, Command{*spec, stored.url});
  return {};
}

// URLs of a decision come from outside: what is not usable is left out.
ForwardSpecPtr Forwards::decided(const LiveStream& stream, std::size_t index) const {
  const std::string id = "decided-" + std::to_string(index + 1);
  auto url = rtmp::parse_url(stream.forward_urls[index]);
  const Result<void> allowed = url ? check(*url) : tl::unexpected<Error>(url.error());
  if (!allowed) {
    log::warning("a forward that was decided is left out", {{"stream", stream.stream_id},
                                                            {"forward", id},
                                                            {"code", allowed.error().code},
                                                            {"message", allowed.error().message}});
    return nullptr;
  }
  return std::make_shared<const ForwardSpec>(ForwardSpec{id, stream.stream_id, std::move(*url)});
}

std::vector<ForwardSpecPtr> Forwards::targets_of(const LiveStream& stream) const {
  std::vector<ForwardSpecPtr> targets;
  std::size_t left_out = 0;
  const auto add = [&](const ForwardSpecPtr& spec) {
    if (spec->stream_id != ForwardSpec::kEveryStream && spec->stream_id != stream.stream_id) return;
    if (targets.size() < kMaxPerStream) {
      targets.push_back(spec);
    } else {
      ++left_out;
    }
  };
  {
    const std::lock_guard lock(mutex_);
    for (const ForwardSpecPtr& spec : configured_) add(spec);
    for (const auto& [id, command] : commanded_) add(command.spec);
  }
  for (std::size_t i = 0; i < stream.forward_urls.size() && i <= kMaxPerStream; ++i) {
    if (ForwardSpecPtr spec = decided(stream, i)) add(spec);
  }
  if (left_out > 0)
    log::warning("too many forwards of a stream", {{"stream", stream.stream_id}, {"left_out", left_out}});
  return targets;
}

ForwardStatusPtr Forwards::begin(const ForwardSpec& spec, const std::string& stream_id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [](const auto& each) { return each.expired(); });
  if (running_.size() >= max_running_) return nullptr;
  auto status = std::make_shared<ForwardStatus>(spec.id, stream_id, spec.url.label());
  running_.push_back(status);
  return status;
}

std::vector<ForwardStatusPtr> Forwards::running() const {
  const std::lock_guard lock(mutex_);
  std::vector<ForwardStatusPtr> all;
  for (const auto& each : running_) {
    if (ForwardStatusPtr status = each.lock()) all.push_back(std::move(status));
  }
  return all;
}

}  // namespace millrace::ingest
