// The actors of auth. Requests come from the bus thread, each as one Job:
//
//   bus thread ── JobGate (bounded) ──┬─ DatabaseActor  a thread of its own; one database connection, the
//                                     │                 access control, accounts, playback
//                                     └─ TokenActor     on CAF's pool; needs no database; the keys of other
//                                                       issuers
//
// While the database is away (at the start too) its jobs are answered with that error, and it is asked again
// every two seconds. Both are permanent children of the root supervisor. When one crashes, the jobs it held
// are answered with "auth.restarting" and it starts again with a new connection. What others report (ingest's
// events, answers of hooks) comes to the DatabaseActor as tasks, which wait for it over a crash and for as
// long as the database is away.
#pragma once

#include <atomic>
#include <caf/all.hpp>
#include <functional>
#include <memory>

#include "accounts/account_handler.hpp"
#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "identities/identities.hpp"
#include "metrics.hpp"
#include "pending_request.hpp"
#include "runtime/actor_slot.hpp"
#include "runtime/health.hpp"
#include "runtime/inbox.hpp"
#include "runtime/supervisor.hpp"
#include "store/database.hpp"
#include "streams/access_control.hpp"
#include "streams/key_vault.hpp"
#include "streams/live_view.hpp"
#include "token.hpp"
#include "viewers/playback_handler.hpp"

namespace millrace::auth {

// Whether time alone may repair it: another connection or a lock that is over.
bool may_pass(const Error& error);

// What the actors share; immutable but for the members that are thread-safe themselves. access_control,
// accounts, access, identities and fetch_keys are filled in before they start.
struct AuthShared {
  store::DatabaseOptions database;
  KeyVault vault;
  TokenVerifier tokens;
  std::shared_ptr<runtime::Health> health;
  AuthMetrics metrics{};
  LiveView live{};
  AccessDependencies access_control{};
  AccountDependencies accounts{};
  AccessView access{};
  PlaybackDependencies playback{};
  // Whoever records is to delete what it has of a stream.
  std::function<void(const std::string& stream_id)> announce_unwanted{};
  // Everything is published that is known of who may watch.
  std::function<void()> all_published{};
  IdentitySettings identities{};
  // Starts a fetch; its outcome is given to JobGate::keys_fetched. Any thread.
  std::function<void(std::size_t issuer)> fetch_keys{};
  std::atomic<int> jobs{0};  // in mailboxes or in work
};

// One request and its answer. Answers "auth.restarting" when it is dropped without one.
class Job final : public PendingRequest {
 public:
  Job(std::shared_ptr<AuthShared> shared, bus::v1::Request request, bus::Responder responder);
  ~Job() override;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return responder_.deadline_monotonic_us(); }
  // Nobody waits any longer: not worth the work.
  bool expired() const;
  void answer(bus::v1::Reply reply) override;
  void expire() override;

 private:
  std::shared_ptr<AuthShared> shared_;
  bus::v1::Request request_;
  bus::Responder responder_;
  std::int64_t arrived_us_;
  bool done_ = false;
};

using JobPtr = std::shared_ptr<Job>;
// The keys of an issuer, or why they did not come.
struct KeysOutcome {
  std::size_t issuer;
  Result<FetchedKeys> keys;
};
using KeysOutcomePtr = std::shared_ptr<const KeysOutcome>;
using AccessTask = std::function<void(AccessControl&)>;
using AccountTask = std::function<void(AccountHandler&)>;

// What the DatabaseActor was sent and has not done yet.
struct DatabaseTasks {
  static constexpr std::size_t kMaxTasks = 100'000;  // beyond it the oldest is lost, and it is logged

  runtime::Inbox<AccessTask> access_control{kMaxTasks};
  runtime::Inbox<AccountTask> accounts{kMaxTasks};
};

// The bus's request handler: never blocks. More than kMaxJobs at once are refused with "auth.overloaded".
class JobGate {
 public:
  static constexpr int kMaxJobs = 1024;

  explicit JobGate(std::shared_ptr<AuthShared> shared);
  void accept(const bus::v1::Request& request, const bus::Responder& responder);
  // To the database actor; kept while there is none.
  void post(std::function<void(AccessControl&)> task);
  void post_account(std::function<void(AccountHandler&)> task);
  // To the token actor.
  void keys_fetched(std::size_t issuer, Result<FetchedKeys> outcome);
  // Ingest's events, for the access control and the view of what is live.
  bus::EventHandler ingest_events();
  // The two children, for the root supervisor.
  runtime::ChildSpec database_child();
  runtime::ChildSpec token_child();

 private:
  std::shared_ptr<AuthShared> shared_;
  std::shared_ptr<runtime::ActorSlot> database_ = std::make_shared<runtime::ActorSlot>();
  std::shared_ptr<runtime::ActorSlot> tokens_ = std::make_shared<runtime::ActorSlot>();
  std::shared_ptr<DatabaseTasks> tasks_ = std::make_shared<DatabaseTasks>();
};

}  // namespace millrace::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::auth::JobPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::auth::KeysOutcomePtr)
