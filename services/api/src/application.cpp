#include "application.hpp"

#include <netinet/in.h>
#include <pistache/endpoint.h>
#include <pistache/router.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "authenticator.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/target.hpp"
#include "net/unique_fd.hpp"
#include "routes.hpp"
#include "socket_guard.hpp"

namespace millrace::api {
namespace {

namespace ph = Pistache::Http;
namespace pr = Pistache::Rest;

constexpr int kAcceptTries = 50;
constexpr std::chrono::milliseconds kAcceptPatience{200};
constexpr std::size_t kMaxRequest = 64UL * 1024;
constexpr std::size_t kMaxResponse = 2UL * 1024 * 1024;
constexpr std::chrono::seconds kCallDeadline{2};
// Only the edge connects, and it has deadlines of its own. Pistache's would cut its persistent connections.
constexpr std::chrono::hours kNever{24 * 365};

// Pistache writes typed fields only; this one is whatever the answer says.
class AnyField final : public ph::Header::Header {
 public:
  AnyField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  const char* name() const override { return name_.c_str(); }
  std::uint64_t hash() const override { return std::hash<std::string>()(name_); }
  void parse(const std::string& /*data*/) override {}
  void write(std::ostream& stream) const override { stream << value_; }

 private:
  const std::string name_;
  const std::string value_;
};

std::string field_of(const ph::Request& request, const char* name) {
  const auto raw = request.headers().tryGetRaw(name);
  return raw ? raw->value() : std::string();
}

// In the handler's own call, never later: an answer that is sent from elsewhere can crash Pistache.
void send(const http::Response& answer, ph::ResponseWriter& writer) {
  for (std::size_t i = 0; i < answer.headers.size(); ++i) {
    const auto [name, value] = answer.headers.at(i);
    writer.headers().add(std::make_shared<AnyField>(name, value));
  }
  const auto* body = std::get_if<std::string>(&answer.body);
  writer.send(static_cast<ph::Code>(answer.status), body == nullptr ? std::string() : *body);
}

net::UniqueFd connect_to(std::uint16_t port) {
  net::UniqueFd connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    connection.reset();
  return connection;
}

ph::Method method_of(http::Method method) {
  switch (method) {
    case http::Method::kPost:
      return ph::Method::Post;
    case http::Method::kPut:
      return ph::Method::Put;
    case http::Method::kPatch:
      return ph::Method::Patch;
    case http::Method::kDelete:
      return ph::Method::Delete;
    default:
      return ph::Method::Get;
  }
}

}  // namespace

// What the handlers of all threads share.
struct Application::Impl {
  Impl(ApplicationConfig settings, Context shared)
      : config(std::move(settings)), context(shared), authenticator(shared.peers) {}

  void make_endpoint();
  void serve();
  bool wait_until_accepting();
  http::Response answer(const Route& route, const pr::Request& request);
  http::Response call(const Route& route, const pr::Request& request);
  bool from_edge(const ph::Request& request) const;

  const ApplicationConfig config;
  const Context context;
  Authenticator authenticator;
  std::shared_ptr<pr::Router> router = std::make_shared<pr::Router>();
  std::unique_ptr<ph::Endpoint> endpoint;
  std::thread thread;
  std::promise<std::uint16_t> bound;
  std::promise<bool> accepting;
  std::uint16_t port = 0;
};

namespace {

// Refuses what must not reach the router.
class GuardedHandler final : public ph::Handler {
 public:
  HTTP_PROTOTYPE(GuardedHandler)

  explicit GuardedHandler(Application::Impl* application) : application_(application) {}

  void onRequest(const ph::Request& request, ph::ResponseWriter writer) override {
    if (!application_->from_edge(request)) return send(http::Response::problem(403, "forbidden"), writer);
    if (request.resource().size() > kMaxResource)
      return send(http::Response::problem(414, "target_too_long"), writer);
    if (request.resource() == kProbePath) return send(http::Response::text(200, "text/plain", "ok"), writer);
    const auto status = application_->router->route(request, writer.clone());
    if (status == pr::Route::Status::NotFound) send(http::Response::problem(404, "not_found"), writer);
  }

 private:
  Application::Impl* application_;
};

}  // namespace

bool Application::Impl::from_edge(const ph::Request& request) const {
  return equal_in_constant_time(as_bytes(field_of(request, kEdgeField)),
                                as_bytes(config.edge_secret.reveal()));
}

http::Response Application::Impl::call(const Route& route, const pr::Request& request) {
  Call call;
  call.deadline = std::chrono::steady_clock::now() + kCallDeadline;
  Result<http::Target> target = http::parse_target(request.resource() + request.query().as_str());
  if (!target || !matches(route.path, target->path, &call.parameters))
    return http::Response::problem(400, "bad_request");
  call.query = std::move(target->query);
  call.body = request.body();
  call.content_type = field_of(request, kTypeField);
  call.peer_address = field_of(request, kPeerField);
  const bool open = policy::judge({}, route.operation) == policy::Verdict::kAllowed;
  if (const std::string token = field_of(request, kTokenField); !token.empty()) {
    Result<Identity> identity = authenticator.identify(token, call.deadline);
    if (identity) {
      call.identity = std::move(*identity);
    } else if (!open && identity.error().code != "api.unauthorized") {
      return unavailable("auth");
    }
  }
  switch (policy::judge(call.identity.caller(), route.operation)) {
    case policy::Verdict::kAllowed:
      if (config.limits != nullptr) {
        auto refused = config.limits->admit_account(route.method, call.identity.subject, monotonic_us());
        if (refused) return *std::move(refused);
      }
      return route.handler(call, context);
    case policy::Verdict::kUnauthenticated:
      return unauthorized();
    case policy::Verdict::kForbidden:
      break;
  }
  return http::Response::problem(403, "forbidden", "This token does not allow it.");
}

http::Response Application::Impl::answer(const Route& route, const pr::Request& request) {
  try {
    return call(route, request);
  } catch (const std::exception& thrown) {
    log::error("API handler threw", {{"route", route.path}, {"what", thrown.what()}});
    return http::Response::problem(500, "internal");
  }
}

Application::Application(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Application>> Application::start(ApplicationConfig config, Context context) {
  auto impl = std::make_unique<Impl>(std::move(config), context);
  for (const Route& route : routes()) {
    impl->router->addRoute(
        method_of(route.method), std::string(route.path),
        [application = impl.get(), &route](const pr::Request& request, ph::ResponseWriter writer) {
          send(application->answer(route, request), writer);
          return pr::Route::Result::Ok;
        });
  }
  impl->make_endpoint();
  impl->thread = std::thread([application = impl.get()] { application->serve(); });
  impl->port = impl->bound.get_future().get();
  if (impl->port != 0 && impl->wait_until_accepting()) {
    return std::unique_ptr<Application>(new Application(std::move(impl)));
  }
  if (impl->port != 0) impl->endpoint->shutdown();
  impl->thread.join();
  return fail("api.application", "cannot serve on 127.0.0.1");
}

// A shutdown is heard only by a loop that runs: the first connection shows that it does.
bool Application::Impl::wait_until_accepting() {
  std::future<bool> begun = accepting.get_future();
  for (int i = 0; i < kAcceptTries; ++i) {
    const net::UniqueFd connection = connect_to(port);
    if (begun.wait_for(kAcceptPatience) == std::future_status::ready) return begun.get();
  }
  return false;
}

void Application::Impl::make_endpoint() {
  auto options = ph::Endpoint::options();
  options.threads(static_cast<int>(config.threads)).threadsName("application");
  options.maxRequestSize(kMaxRequest).maxResponseSize(kMaxResponse);
  options.headerTimeout(kNever).bodyTimeout(kNever).keepaliveTimeout(kNever);
  options.flags(Pistache::Tcp::Options::ReuseAddr | Pistache::Tcp::Options::NoDelay);
  endpoint = std::make_unique<ph::Endpoint>(Pistache::Address(Pistache::Ipv4::loopback(), Pistache::Port(0)));
  endpoint->init(options);
  endpoint->setHandler(std::make_shared<GuardedHandler>(this));
}

// Binds, tells the port (0 when that fails), then that it accepts, and does so until shutdown.
void Application::Impl::serve() {
  bool port_told = false;
  bool accepting_told = false;
  const auto tell_port = [&](std::uint16_t number) {
    if (!std::exchange(port_told, true)) bound.set_value(number);
  };
  const auto tell_accepting = [&](bool yes) {
    if (!std::exchange(accepting_told, true)) accepting.set_value(yes);
  };
  try {
    const SocketGuard guard({tell_port, [&] { tell_accepting(true); }});
    endpoint->serve();
  } catch (const std::exception& thrown) {
    // Nobody accepts any more: whoever asks the application notices, and it is started anew.
    log::error("application ended", {{"what", thrown.what()}});
  }
  tell_port(0);
  tell_accepting(false);
}

Application::~Application() {
  impl_->endpoint->shutdown();
  impl_->thread.join();
}

std::uint16_t Application::port() const {
  return impl_->port;
}

}  // namespace millrace::api
