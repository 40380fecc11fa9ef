// The actors of auth. Requests come from the bus thread, each as one Job:
//
//   bus thread ── JobGate (bounded) ──┬─ DatabaseActor  a thread of its own; one database connection
//                                     └─ TokenActor     on CAF's pool; needs no database
//
// Both are permanent children of the root supervisor. When one crashes, the jobs it held are answered with
// "auth.restarting" and it starts again with a new connection.
#pragma once

#include <atomic>
#include <caf/all.hpp>
#include <memory>
#include <mutex>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "key_vault.hpp"
#include "metrics.hpp"
#include "runtime/health.hpp"
#include "runtime/supervisor.hpp"
#include "store/database.hpp"
#include "token.hpp"

namespace millrace::auth {

// What the actors share; immutable but for the members that are thread-safe themselves.
struct AuthShared {
  store::DatabaseOptions database;
  KeyVault vault;
  TokenVerifier tokens;
  std::shared_ptr<runtime::Health> health;
  AuthMetrics metrics{};
  std::atomic<int> jobs{0};  // in mailboxes or in work
};

// One request and its answer. Answers "auth.restarting" when it is dropped without one.
class Job {
 public:
  Job(std::shared_ptr<AuthShared> shared, bus::v1::Request request, bus::Responder responder);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  const bus::v1::Request& request() const { return request_; }
  // Nobody waits any longer: not worth the work.
  bool expired() const;
  void answer(bus::v1::Reply reply);
  // Left to the bus, which has already answered with its deadline.
  void expire();

 private:
  std::shared_ptr<AuthShared> shared_;
  bus::v1::Request request_;
  bus::Responder responder_;
  std::int64_t arrived_us_;
  bool done_ = false;
};

using JobPtr = std::shared_ptr<Job>;

// Where the present incarnation of a supervised actor is. Any thread.
class ActorSlot {
 public:
  void set(caf::actor actor);
  caf::actor get() const;

 private:
  mutable std::mutex mutex_;
  caf::actor actor_;
};

// The bus's request handler: never blocks. More than kMaxJobs at once are refused with "auth.overloaded".
class JobGate {
 public:
  static constexpr int kMaxJobs = 1024;

  explicit JobGate(std::shared_ptr<AuthShared> shared);
  void accept(const bus::v1::Request& request, const bus::Responder& responder);
  // The two children, for the root supervisor.
  runtime::ChildSpec database_child();
  runtime::ChildSpec token_child();

 private:
  std::shared_ptr<AuthShared> shared_;
  std::shared_ptr<ActorSlot> database_ = std::make_shared<ActorSlot>();
  std::shared_ptr<ActorSlot> tokens_ = std::make_shared<ActorSlot>();
};

}  // namespace millrace::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::auth::JobPtr)
