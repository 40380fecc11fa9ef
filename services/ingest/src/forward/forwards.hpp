// What all forwards share: which targets there are, how each one goes, where they may connect to, names and
// TLS. Targets come from three sides: FORWARD_TARGETS, commands on the bus, and the decision about a
// publication (LiveStream::forward_urls).
//
// Owner: the server. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "forward/forward_spec.hpp"
#include "forward/forward_store.hpp"
#include "net/egress_policy.hpp"
#include "net/resolver.hpp"
#include "net/tls_context.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

class Forwards {
 public:
  static constexpr std::size_t kMaxPerStream = 8;   // further ones are left out
  static constexpr std::size_t kMaxTargets = 4096;  // of configuration and commands together

  // "ingest.forward_targets", "net.egress_…" for a configured target that may not be connected to,
  // "tls.authorities".
  static Result<std::unique_ptr<Forwards>> open(const IngestConfig& config);

  // Told of a stream whose targets have changed ("*": every stream's).
  using Observer = std::function<void(const std::string& stream_id)>;
  void set_observer(Observer observer);

  // Commands outlive the process from now on: those of before hold again, later ones are kept in the file.
  // "ingest.forward_store": what was there is lost to us; later commands are kept all the same.
  Result<void> remember_in(std::string path);
  // A target by command. The same once more is no error. "ingest.forward_id", "ingest.forward_stream",
  // "rtmp.url", "net.egress_…", "ingest.forward_exists" (another target has the id), "ingest.forward_limit",
  // "ingest.forward_store" (it would be forgotten, so it is not begun).
  Result<void> start(std::string id, std::string stream_id, std::string_view url);
  // "ingest.forward_unknown", "ingest.forward_store". Targets of the configuration can't be stopped.
  Result<void> stop(std::string_view id);

  // The targets of a publication.
  std::vector<ForwardSpecPtr> targets_of(const LiveStream& stream) const;

  // May it be connected to, as far as the URL says? The addresses of a name are checked when they are known.
  Result<void> check(const rtmp::Url& url) const;
  const net::EgressPolicy& egress() const { return egress_; }
  net::Resolver& resolver() { return resolver_; }
  const net::TlsContextPtr& tls() const { return tls_; }

  // A forward begins: null when FORWARD_MAX run. It counts until the status is dropped.
  ForwardStatusPtr begin(const ForwardSpec& spec, const std::string& stream_id);
  // Those that run.
  std::vector<ForwardStatusPtr> running() const;

 private:
  Forwards(net::EgressPolicy egress, net::TlsContextPtr tls, std::size_t max_running)
      : egress_(std::move(egress)), tls_(std::move(tls)), max_running_(max_running) {}
  struct Command {
    ForwardSpecPtr spec;
    std::string url;  // as it was given; a secret
  };
  using Commands = std::map<std::string, Command, std::less<>>;

  void changed(const std::string& stream_id) const;
  // All three with commanding_ held.
  Result<void> find_room(const ForwardSpec& spec) const;
  Result<void> resume(const StoredForward& stored);
  Result<void> replace_commands(Commands commands);
  ForwardSpecPtr decided(const LiveStream& stream, std::size_t index) const;

  net::EgressPolicy egress_;
  net::TlsContextPtr tls_;
  std::size_t max_running_;
  net::Resolver resolver_;
  std::vector<ForwardSpecPtr> configured_;
  std::mutex commanding_;  // one command at a time, its file included; taken before mutex_
  std::optional<ForwardStore> store_;
  mutable std::mutex mutex_;  // guards what follows
  Commands commanded_;        // changed with both held
  std::vector<std::weak_ptr<ForwardStatus>> running_;
  Observer observer_;
};

}  // namespace millrace::ingest
