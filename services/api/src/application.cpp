#include "application.hpp"

#include <netinet/in.h>
#include <pistache/endpoint.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "authenticator.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "edge_call.hpp"
#include "errors.hpp"
#include "net/unique_fd.hpp"
#include "socket_guard.hpp"

namespace millrace::api {
namespace {

namespace ph = Pistache::Http;

constexpr int kAcceptTries = 50;
constexpr std::chrono::milliseconds kAcceptPatience{200};
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
// request_id proves to the edge which request it answers; Pistache's own answers have none.
void send(const http::Response& answer, ph::ResponseWriter& writer, std::string_view request_id = {}) {
  if (!request_id.empty())
    writer.headers().add(std::make_shared<AnyField>(http::kUpstreamIdField, request_id));
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

bool is_same(ph::Method sent, http::Method of_route) {
  switch (of_route) {
    case http::Method::kPost:
      return sent == ph::Method::Post;
    case http::Method::kPut:
      return sent == ph::Method::Put;
    case http::Method::kPatch:
      return sent == ph::Method::Patch;
    case http::Method::kDelete:
      return sent == ph::Method::Delete;
    default:
      return sent == ph::Method::Get;
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
  http::Response answer(EdgeCall passed, const ph::Request& request);
  http::Response call(EdgeCall passed, const ph::Request& request);

  const ApplicationConfig config;
  const Context context;
  Authenticator authenticator;
  std::unique_ptr<ph::Endpoint> endpoint;
  std::thread thread;
  std::promise<std::uint16_t> bound;
  std::promise<bool> accepting;
  std::uint16_t port = 0;
};

namespace {

// Pistache's only route. Paths are not looked at: the edge has said which row of the table it is.
class GuardedHandler final : public ph::Handler {
 public:
  HTTP_PROTOTYPE(GuardedHandler)

  explicit GuardedHandler(Application::Impl* application) : application_(application) {}

  void onRequest(const ph::Request& request, ph::ResponseWriter writer) override {
    auto passed = read_call(field_of(request, kCallField), application_->config.edge_secret);
    if (!passed) return send(http::Response::problem(403, "forbidden"), writer);
    if (request.resource() != kCallTarget || !is_same(request.method(), passed->route->method) ||
        request.body().size() != passed->body_bytes)
      return send(http::Response::problem(400, "bad_request"), writer);
    send(application_->answer(*std::move(passed), request), writer,
         field_of(request, http::kUpstreamIdField));
  }

 private:
  Application::Impl* application_;
};

}  // namespace

http::Response Application::Impl::call(EdgeCall passed, const ph::Request& request) {
  const Route& route = *passed.route;
  Call call;
  call.deadline = std::chrono::steady_clock::now() + kCallDeadline;
  call.parameters = std::move(passed.parameters);
  call.query = std::move(passed.query);
  call.body = request.body();
  call.content_type = std::move(passed.content_type);
  call.peer_address = std::move(passed.peer_address);
  const bool open = policy::judge({}, route.operation) == policy::Verdict::kAllowed;
  if (!passed.authorization.empty()) {
    Result<Identity> identity = authenticator.identify(passed.authorization, call.deadline);
    if (identity) {
      call.identity = std::move(*identity);
    } else if (!open && identity.error().code != api::errors::kUnauthorized) {
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

http::Response Application::Impl::answer(EdgeCall passed, const ph::Request& request) {
  const std::string_view path = passed.route->path;
  try {
    return call(std::move(passed), request);
  } catch (const std::exception& thrown) {
    log::error("API handler threw", {{"route", path}, {"what", thrown.what()}});
    return http::Response::problem(500, "internal");
  }
}

Application::Application(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Application>> Application::start(ApplicationConfig config, Context context) {
  auto impl = std::make_unique<Impl>(std::move(config), context);
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

// Binds, reports the port (0 when that fails), then that it accepts, and does so until shutdown.
void Application::Impl::serve() {
  bool port_told = false;
  bool accepting_told = false;
  const auto report_port = [&](std::uint16_t number) {
    if (!std::exchange(port_told, true)) bound.set_value(number);
  };
  const auto report_accepting = [&](bool yes) {
    if (!std::exchange(accepting_told, true)) accepting.set_value(yes);
  };
  try {
    const SocketGuard guard({report_port, [&] { report_accepting(true); }});
    endpoint->serve();
  } catch (const std::exception& thrown) {
    // Nobody accepts any more: the next request to the application fails, and it is started again.
    log::error("application ended", {{"what", thrown.what()}});
  }
  report_port(0);
  report_accepting(false);
}

Application::~Application() {
  impl_->endpoint->shutdown();
  impl_->thread.join();
}

std::uint16_t Application::port() const {
  return impl_->port;
}

}  // namespace millrace::api
