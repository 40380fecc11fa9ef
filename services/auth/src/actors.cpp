#include "actors.hpp"

#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/reply_codes.hpp"
#include "bus/log_role.hpp"
#include "runtime/detached_thread.hpp"
#include "store/errors.hpp"
#include "streams/decisions.hpp"
#include "streams/request_handler.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

using ProbeAtom = caf::atom_constant<caf::atom("probe")>;
using TickAtom = caf::atom_constant<caf::atom("tick")>;

constexpr std::chrono::seconds kProbeEvery{2};
constexpr std::chrono::microseconds kTickEvery{AccessControl::kTickUs};
constexpr std::chrono::microseconds kKeysTickEvery{Identities::kTickUs};
constexpr std::string_view kComponent = "database";

Now now() {
  return {.monotonic_us = monotonic_us(), .wall = wall_now()};
}

bool publishes_source(const bus::v1::Event& event) {
  return event.has_stream_published() && bus::is_source(event.stream_published());
}

LivePublication live_publication(const std::string& instance, const stream::v1::StreamPublished& published) {
  return {.stream_id = published.stream_id(),
          .publication_id = PublicationId{published.publication_id()},
          .epoch = Epoch{published.epoch()},
          .session_id = published.session_id(),
          .instance = instance};
}

// The database's side: opened by the actor's own thread, reopened by a restart.
class DatabaseState {
 public:
  static inline const char* name = "auth.database";

  void start(std::shared_ptr<AuthShared> shared) {
    shared_ = std::move(shared);
    try_to_open();
  }

  void handle(const JobPtr& job) {
    if (job->expired()) return job->expire();
    if (!access_control_) return job->answer(refusal());
    if (access_control_->handle(job, now()) || account_handler_->handle(job, now()) ||
        playback_->handle(job, now()))
      return;
    bus::v1::Reply reply = RequestHandler(*decisions_).answer(job->request(), now());
    if (is_about_database(reply.error_code())) report({"store", reply.error_message()});
    job->answer(std::move(reply));
  }

  // nullptr while the database was never there.
  AccessControl* access_control() { return access_control_.get(); }
  AccountHandler* accounts() { return access_control_ ? account_handler_.get() : nullptr; }

  void tick() {
    if (!access_control_) return;
    access_control_->tick(now());
    playback_->tick(now());
  }

  void probe() {
    if (!access_control_) return try_to_open();
    const Result<void> answered = repository_->check();
    if (!answered) shared_->metrics.database_failed(answered.error().code);
    report(answered ? Error{} : answered.error());
    if (answered && reconnected_) catch_up();
  }

 private:
  static bool is_about_database(std::string_view code) {
    return code.starts_with(store::errors::kFamily) && code != store::errors::kConstraint;
  }

  // Another start may mend the rest.
  void try_to_open() {
    const Result<void> opened = open();
    if (opened) return report({});
    access_control_.reset();
    report(opened.error());
    shared_->metrics.database_failed(opened.error().code);
    if (!may_pass(opened.error())) throw std::runtime_error(opened.error().message);
    away_ = opened.error();
  }

  // What was answered with an error while the database went away may have been stored.
  void catch_up() {
    reconnected_ =
        !access_control_->catch_up(now()) || !account_handler_->catch_up(now()) || !playback_->open(now());
  }

  Result<void> open() {
    store::DatabaseOptions options = shared_->database;
    options.on_reconnect = [this] {
      shared_->metrics.database_reconnected();
      reconnected_ = true;
    };
    Result<StreamRepository> opened = StreamRepository::open(options, shared_->vault);
    if (!opened) return tl::unexpected(opened.error());
    repository_ = std::make_unique<StreamRepository>(std::move(*opened));
    decisions_ = std::make_unique<Decisions>(*repository_, shared_->vault, DecisionLimits{});
    decisions_->make_private(shared_->access_control.policy.private_by_default);
    decisions_->take_tokens(
        [shared = shared_.get()](std::string_view token, std::string_view stream_id, std::string_view peer) {
          return may_play(shared->playback, token, stream_id, peer, wall_now());
        });
    channels_ = std::make_unique<ChannelRepository>(repository_->database());
    sessions_ = std::make_unique<SessionRepository>(repository_->database(), shared_->vault);
    access_control_ =
        std::make_unique<AccessControl>(*decisions_, *channels_, *sessions_, shared_->access_control);
    if (Result<void> loaded = access_control_->open(now()); !loaded) return loaded;
    accounts_ = std::make_unique<AccountRepository>(repository_->database());
    account_handler_ = std::make_unique<AccountHandler>(*accounts_, shared_->accounts, stream_control());
    viewers_ = std::make_unique<ViewerRepository>(repository_->database());
    playback_ = std::make_unique<PlaybackHandler>(*viewers_, shared_->vault, shared_->playback);
    if (Result<void> loaded = playback_->open(now()); !loaded) return loaded;
    if (Result<void> loaded = account_handler_->open(now()); !loaded) return loaded;
    if (shared_->all_published) shared_->all_published();
    return {};
  }

  StreamControl stream_control() {
    if (shared_->access_control.policy.decides != Decides::kStore) return {};
    return {.revoke =
                [this](const StreamEpoch& stream, Now at) {
                  access_control_->closes().revoke({stream.stream_id, stream.epoch, true}, at);
                },
            .announce_barred = shared_->access_control.announce_barred,
            .announce_unwanted = shared_->announce_unwanted};
  }

  bus::v1::Reply refusal() const {
    bus::v1::Reply reply;
    set_error(away_, reply);
    return reply;
  }

  // An empty code: the database answers.
  void report(const Error& error) {
    const bool well = error.code.empty();
    if (!well && well_) log::error("database does not answer", {{"reason", error.message}});
    if (well && !well_) log::info("database answers again");
    well_ = well;
    shared_->health->set(kComponent, well ? runtime::HealthState::kReady : runtime::HealthState::kStarting,
                         error.message);
  }

  runtime::DetachedThread thread_;
  std::shared_ptr<AuthShared> shared_;
  std::unique_ptr<StreamRepository> repository_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<ChannelRepository> channels_;
  std::unique_ptr<SessionRepository> sessions_;
  std::unique_ptr<AccessControl> access_control_;
  std::unique_ptr<ViewerRepository> viewers_;
  std::unique_ptr<PlaybackHandler> playback_;
  Error away_;  // why there is no access control
  std::unique_ptr<AccountRepository> accounts_;
  std::unique_ptr<AccountHandler> account_handler_;
  bool well_ = true;
  bool reconnected_ = false;  // and not caught up since
};

template <class Part>
void do_tasks(Part* part, runtime::Inbox<std::function<void(Part&)>>& tasks) {
  if (part == nullptr) return;  // later: they wait for the database too
  tasks.handle(
      [part](const auto& task) { task(*part); },
      [](const auto&) { log::error("a task is given up: the database's actor crashed with it each time"); });
}

caf::behavior database_actor(caf::stateful_actor<DatabaseState>* self, std::shared_ptr<AuthShared> shared,
                             const std::shared_ptr<DatabaseTasks>& tasks) {
  self->state.start(std::move(shared));
  self->delayed_send(self, kProbeEvery, ProbeAtom::value);
  self->delayed_send(self, kTickEvery, TickAtom::value);
  return {
      [self, tasks](runtime::WakeAtom) {
        do_tasks(self->state.access_control(), tasks->access_control);
        do_tasks(self->state.accounts(), tasks->accounts);
      },
      [self, tasks](TickAtom) {
        // The database may just have come back.
        do_tasks(self->state.access_control(), tasks->access_control);
        do_tasks(self->state.accounts(), tasks->accounts);
        self->state.tick();
        self->delayed_send(self, kTickEvery, TickAtom::value);
      },
      [self](const JobPtr& job) { self->state.handle(job); },
      [self](ProbeAtom) {
        self->state.probe();
        self->delayed_send(self, kProbeEvery, ProbeAtom::value);
      },
  };
}

// The tokens' side: our own are judged at once, those of other issuers by Identities.
class TokenState {
 public:
  static inline const char* name = "auth.tokens";

  void open(std::shared_ptr<AuthShared> shared) {
    shared_ = std::move(shared);
    identities_.emplace(shared_->identities, shared_->fetch_keys);
  }

  void handle(const JobPtr& job) {
    if (job->expired()) return job->expire();
    if (identities_->handle(job, now())) return;
    job->answer(verify_token(shared_->tokens, shared_->access, job->request(), now()));
  }

  void fetched(const KeysOutcome& outcome) {
    const std::string label(shared_->identities.issuers.at(outcome.issuer).label());
    shared_->metrics.keys_fetched(label, outcome.keys.has_value());
    report(label, outcome);
    identities_->fetched(outcome.issuer, outcome.keys, now());
    shared_->metrics.keys_known(label, identities_->keys(outcome.issuer));
  }

  void tick() { identities_->tick(now()); }

 private:
  // Told once for each change: a server that is away for hours is not a log of hours.
  void report(const std::string& label, const KeysOutcome& outcome) {
    const bool well = outcome.keys.has_value();
    const std::string reason = well ? std::string() : outcome.keys.error().message;
    if (well && (!failing_.erase(label) && !told_.insert(label).second)) return;
    if (!well && !failing_.insert(label).second) return;
    if (well) {
      log::info("keys of an issuer are there", {{"issuer", label}, {"keys", outcome.keys->keys.size()}});
    } else {
      log::warning("keys of an issuer cannot be had", {{"issuer", label}, {"reason", reason}});
    }
    shared_->health->set("identities",
                         failing_.empty() ? runtime::HealthState::kReady : runtime::HealthState::kDegraded,
                         failing_.empty() ? "" : "no answer about the keys of " + *failing_.begin());
  }

  std::shared_ptr<AuthShared> shared_;
  std::optional<Identities> identities_;
  std::set<std::string> failing_;
  std::set<std::string> told_;
};

caf::behavior token_actor(caf::stateful_actor<TokenState>* self, const std::shared_ptr<AuthShared>& shared) {
  self->state.open(shared);
  return {
      [self](const JobPtr& job) { self->state.handle(job); },
      [self](const KeysOutcomePtr& outcome) { self->state.fetched(*outcome); },
      [self](TickAtom) {
        self->state.tick();
        self->delayed_send(self, kKeysTickEvery, TickAtom::value);
      },
  };
}

}  // namespace

namespace {

void log_lost_task() {
  static std::atomic<std::uint64_t> lost{0};
  constexpr std::uint64_t kLines = 1000;  // lost tasks a line
  if (const std::uint64_t count = lost++; count % kLines == 0) {
    log::error("too many tasks wait for the database: the oldest is lost",
               {{"limit", DatabaseTasks::kMaxTasks}, {"lost", count + 1}});
  }
}

}  // namespace

bool may_pass(const Error& error) {
  return error.code == store::errors::kBusy || error.code == store::errors::kUnavailable;
}

Job::Job(std::shared_ptr<AuthShared> shared, bus::v1::Request request, bus::Responder responder)
    : shared_(std::move(shared)),
      request_(std::move(request)),
      responder_(std::move(responder)),
      arrived_us_(monotonic_us()) {
  ++shared_->jobs;
}

Job::~Job() {
  --shared_->jobs;
  if (!done_) responder_.fail({"auth.restarting", "auth is starting again"});
}

bool Job::expired() const {
  return monotonic_us() >= responder_.deadline_monotonic_us();
}

void Job::answer(bus::v1::Reply reply) {
  done_ = true;
  if (reply.authorize_publish().allowed()) {
    log::info("publication allowed", {{"stream", reply.authorize_publish().stream_id()},
                                      {"epoch", reply.authorize_publish().epoch()},
                                      {"peer", request_.authorize_publish().peer_address()}});
  }
  shared_->metrics.answered(request_, reply);
  shared_->metrics.took(static_cast<double>(monotonic_us() - arrived_us_) / 1e6);
  responder_(std::move(reply));
}

void Job::expire() {
  done_ = true;
  shared_->metrics.dropped("deadline");
}

JobGate::JobGate(std::shared_ptr<AuthShared> shared) : shared_(std::move(shared)) {}

void JobGate::accept(const bus::v1::Request& request, const bus::Responder& responder) {
  if (shared_->jobs >= kMaxJobs) {
    shared_->metrics.dropped("overload");
    return responder.fail({reply_codes::kOverloaded, "too many requests are waiting"});
  }
  const bool token = request.payload_case() == bus::v1::Request::kVerifyToken;
  const auto job = std::make_shared<Job>(shared_, request, responder);
  if (const caf::actor actor = (token ? tokens_ : database_)->get()) caf::anon_send(actor, job);
}

void JobGate::post(std::function<void(AccessControl&)> task) {
  if (!tasks_->access_control.put(std::move(task))) log_lost_task();
}

void JobGate::post_account(std::function<void(AccountHandler&)> task) {
  if (!tasks_->accounts.put(std::move(task))) log_lost_task();
}

void JobGate::keys_fetched(std::size_t issuer, Result<FetchedKeys> outcome) {
  if (const caf::actor actor = tokens_->get()) {
    caf::anon_send(actor, KeysOutcomePtr(new KeysOutcome{issuer, std::move(outcome)}));
  }
}

// The view first: an access control that starts in between reads it there, and which ingests are there only
// there. It must not take one for lost because nobody has said yet that it is there.
bus::EventHandler JobGate::ingest_events() {
  bus::EventHandler handler;
  handler.on_snapshot = [this](const bus::v1::Snapshot& snapshot) {
    // Its address is gone, which need not be the end of its publications: the access control waits for it.
    if (snapshot.boot_id() == 0) return;
    std::vector<LivePublication> live;
    for (const bus::v1::Event& event : snapshot.events()) {
      if (publishes_source(event))
        live.push_back(live_publication(event.instance(), event.stream_published()));
    }
    std::vector<LivePublication> past = shared_->live.replace(snapshot.instance(), live);
    // The access control judges by what is live anywhere.
    post([live = shared_->live.all(), past = std::move(past)](AccessControl& access_control) {
      access_control.publications().snapshot(live, now());
      access_control.publications().end_past(past, now());
    });
  };
  handler.on_event = [this](const bus::v1::Event& event) {
    if (publishes_source(event)) {
      const LivePublication publication = live_publication(event.instance(), event.stream_published());
      std::vector<LivePublication> past = shared_->live.add(publication);
      post([publication, past = std::move(past)](AccessControl& access_control) {
        access_control.publications().published(publication, now());
        access_control.publications().end_past(past, now());
      });
    } else if (event.has_stream_ended() && bus::is_source(event.stream_ended())) {
      const PublicationId id{event.stream_ended().publication_id()};
      shared_->live.remove(event.stream_ended().stream_id(), id);
      post([id](AccessControl& access_control) { access_control.ends().publication_over(id, now()); });
    } else if (event.has_publication_dropped()) {
      post([id = PublicationId{event.publication_dropped().publication_id()}](AccessControl& access_control) {
        access_control.ends().publication_over(id, now());
      });
    } else if (event.has_play_ended()) {
      post([id = event.play_ended().play_id()](AccessControl& access_control) {
        access_control.ends().play_over(id, now());
      });
    }
  };
  handler.on_lost = [this](const bus::PeerName& name) { shared_->live.lost(name.instance, monotonic_us()); };
  return handler;
}

runtime::ChildSpec JobGate::database_child() {
  return {.name = "database",
          .group = {},
          .spawn = [shared = shared_, slot = database_, tasks = tasks_](caf::event_based_actor& supervisor) {
            caf::actor actor = supervisor.spawn<caf::detached>(database_actor, shared, tasks);
            slot->set(actor);
            tasks->access_control.replace(actor);
            tasks->accounts.replace(actor);
            return actor;
          }};
}

runtime::ChildSpec JobGate::token_child() {
  return {.name = "tokens",
          .group = {},
          .spawn = [shared = shared_, slot = tokens_](caf::event_based_actor& supervisor) {
            caf::actor actor = supervisor.spawn(token_actor, shared);
            slot->set(actor);
            // Not before: what a fetch brings is sent to the slot, and a refused connection is answered
            // at once.
            if (!shared->identities.issuers.empty()) caf::anon_send(actor, TickAtom::value);
            return actor;
          }};
}

}  // namespace millrace::auth
