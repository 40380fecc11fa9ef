#include "bus/node.hpp"

#include <csignal>
#include <thread>
#include <zmq.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "bus/directory.hpp"
#include "bus/hub.hpp"
#include "bus/keys.hpp"
#include "bus/mailbox.hpp"

namespace millrace::bus {

Responder::State::~State() {
  if (answered.load()) return;
  if (const auto to = mailbox.lock()) to->answer({call, std::nullopt});
}

void Responder::operator()(v1::Reply reply) const {
  if (state_->answered.exchange(true)) return;
  if (const auto to = state_->mailbox.lock()) to->answer({state_->call, std::move(reply)});
}

void Responder::fail(const Error& error) const {
  v1::Reply reply;
  reply.set_error_code(std::string(error.code));
  reply.set_error_message(error.message);
  (*this)(std::move(reply));
}

std::int64_t Responder::deadline_monotonic_us() const {
  return state_->deadline_us;
}

class Node::Core {
 public:
  Core(NodeConfig config, std::optional<Keys> own_keys, std::uint64_t boot)
      : boot_id(boot),
        keys(std::move(own_keys)),
        endpoints(config.endpoints),
        mailbox(std::make_shared<Mailbox>(config, boot)),
        resolver(config.endpoints, config.resolve, config.limits.resolve_interval,
                 [this](const std::string& service, std::vector<Address> addresses) {
                   mailbox->move(service, std::move(addresses));
                 }),
        hub(context, std::move(config), keys ? &*keys : nullptr, mailbox,
            [this](const std::string& service) { resolver.follow(service); }) {}

  void start_thread() {
    // Signals belong to the service's signal thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    thread = std::thread([this] { hub.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  const std::uint64_t boot_id;
  const std::optional<Keys> keys;
  const EndpointTable endpoints;
  InstanceLock lock;
  zmq::context_t context{1};
  std::shared_ptr<Mailbox> mailbox;
  Resolver resolver;
  Hub hub;
  std::thread thread;
};

Result<std::unique_ptr<Node>> Node::start(NodeConfig config) try {
  // What strangers send is counted in Statistics::malformed; protobuf's own line for each would flood the
  // log.
  google::protobuf::SetLogHandler(nullptr);
  std::optional<Keys> keys;
  if (!config.endpoints.keys.empty()) {
    Result<Keys> loaded = load_keys(config.endpoints.keys, config.service);
    if (!loaded) return tl::unexpected(loaded.error());
    keys = *std::move(loaded);
  }
  InstanceLock lock;
  if (!config.service.empty()) {
    const Result<void> prepared = prepare_directory(config.endpoints.directory);
    if (!prepared) return tl::unexpected(prepared.error());
    Result<InstanceLock> taken =
        InstanceLock::take(config.endpoints.directory, {config.service, config.endpoints.instance});
    if (!taken) return tl::unexpected(taken.error());
    lock = *std::move(taken);
  }
  auto core = std::make_unique<Core>(std::move(config), std::move(keys), random_u64());
  core->lock = std::move(lock);
  const Result<void> bound = core->hub.bind();
  if (!bound) return tl::unexpected(bound.error());
  core->start_thread();
  return std::unique_ptr<Node>(new Node(std::move(core)));
} catch (const std::exception& error) {
  return millrace::fail("bus.start", error.what());
}

Node::Node(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Node::~Node() {
  stop();
}

void Node::stop() {
  core_->resolver.stop();
  core_->mailbox->stop();
  if (core_->thread.joinable()) core_->thread.join();
}

void Node::publish(v1::Event event) {
  core_->mailbox->publish(std::move(event));
}

void Node::publish(std::vector<v1::Event> events) {
  if (!events.empty()) core_->mailbox->publish(std::move(events));
}

void Node::notify(v1::PointerBatch batch) {
  core_->mailbox->notify(std::move(batch));
}

void Node::notify(std::vector<v1::PointerBatch> batches) {
  if (!batches.empty()) core_->mailbox->notify(std::move(batches));
}

void Node::subscribe(std::string_view service, EventHandler handler) {
  core_->mailbox->subscribe(std::string(service), std::move(handler));
}

void Node::subscribe_pointers(std::string_view service, PointerHandler handler) {
  core_->mailbox->subscribe_pointers(std::string(service), std::move(handler));
}

void Node::serve(RequestHandler handler) {
  core_->mailbox->serve(std::move(handler));
}

void Node::request(std::string_view service, v1::Request request, std::chrono::milliseconds timeout,
                   ReplyHandler handler) {
  this->request(PeerName{std::string(service), {}}, std::move(request), timeout, std::move(handler));
}

void Node::request(const PeerName& instance, v1::Request request, std::chrono::milliseconds timeout,
                   ReplyHandler handler) {
  OutstandingRequest outstanding;
  outstanding.service = instance.service;
  outstanding.instance = instance.instance;
  if (!core_->endpoints.peers.contains(outstanding.service)) {
    return handler(
        millrace::fail("bus.unknown_service", "no service \"" + outstanding.service + "\" on the bus"));
  }
  outstanding.request = std::move(request);
  outstanding.request.set_id(random_u64());
  outstanding.deadline_us = monotonic_us() + timeout.count() * 1000;
  outstanding.handler = std::move(handler);
  const ErrorCode refused = core_->mailbox->request(outstanding);
  if (!refused.empty()) outstanding.handler(millrace::fail(refused, "request to " + outstanding.service));
}

std::vector<std::string> Node::instances(std::string_view service) const {
  return core_->mailbox->instances(std::string(service));
}

Statistics Node::statistics() const {
  return statistics_source()();
}

std::function<Statistics()> Node::statistics_source() const {
  return [mailbox = core_->mailbox]() -> Statistics {
    const Counters& now = mailbox->counters;
    return {.sent = now.sent,
            .received = now.received,
            .gaps = now.gaps,
            .snapshots = now.snapshots,
            .dropped = now.dropped,
            .malformed = now.malformed,
            .deadlines = now.deadlines,
            .overloaded = now.overloaded,
            .repeated = now.repeated,
            .unknown_keys = now.unknown_keys,
            .forbidden = now.forbidden,
            .twins = now.twins};
  };
}

std::uint64_t Node::boot_id() const {
  return core_->boot_id;
}

}  // namespace millrace::bus
