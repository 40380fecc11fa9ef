#include "http/ops.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>

#include "base/survive.hpp"
#include "http/process_usage.hpp"
#include "http/upstream.hpp"
#include "runtime/health.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t kOpsConnections = 64;
constexpr std::size_t kOpsConnectionsPerAddress = 32;
constexpr std::string_view kBearer = "bearer ";

// RFC 6750: the scheme in any case.
bool has_token(const Request& request, const Secret& token) {
  const std::string_view field = request.headers.find("Authorization");
  const auto lower = [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); };
  const bool bearer = field.size() > kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), field.begin(),
                                 [&](char expected, char c) { return expected == lower(c); });
  return bearer && equal_in_constant_time(as_bytes(field.substr(kBearer.size())), as_bytes(token.reveal()));
}

Response unauthorized() {
  Response response = Response::problem(401, "unauthorized", "The metrics need the token.");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

Response health_response(const OpsSources& sources) {
  return Response::text(200, "application/json", "{\"service\":\"" + sources.service + "\"}");
}

Response readiness_response(const OpsSources& sources, bool with_reasons) {
  runtime::HealthReport report = sources.health->report();
  if (!with_reasons) report.components.clear();
  return Response::text(report.ready() ? 200 : 503, "application/json", report.json());
}

// Sources that have a metric in common share its family: the format allows each name once.
void merge(std::vector<prometheus::MetricFamily> from, std::vector<prometheus::MetricFamily>& families) {
  for (prometheus::MetricFamily& family : from) {
    const auto same =
        std::find_if(families.begin(), families.end(),
                     [&](const prometheus::MetricFamily& other) { return other.name == family.name; });
    if (same == families.end()) {
      families.push_back(std::move(family));
    } else {
      std::move(family.metric.begin(), family.metric.end(), std::back_inserter(same->metric));
    }
  }
}

// What threads went on after. A series a place, and none while there was nothing.
prometheus::MetricFamily survived_family() {
  prometheus::MetricFamily family{"millrace_exceptions_total",
                                  "Exceptions that cost one connection, request or job, by where",
                                  prometheus::MetricType::Counter,
                                  {}};
  for (const SurvivedExceptions& survived : survived_exceptions()) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label = {{"where", survived.where}};
    metric.counter.value = static_cast<double>(survived.count);
  }
  return family;
}

// Under the names that Prometheus' own clients use.
void add_process(std::vector<prometheus::MetricFamily>& families) {
  const std::optional<ProcessUsage> usage = sample_process();
  if (!usage) return;
  const auto add = [&](const char* name, const char* help, prometheus::MetricType type, double value) {
    prometheus::ClientMetric metric;
    (type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    families.push_back({name, help, type, {metric}});
  };
  using enum prometheus::MetricType;
  add("process_cpu_seconds_total", "User and system time of this process", Counter, usage->cpu_seconds);
  add("process_resident_memory_bytes", "Memory of this process in RAM, what it shares included", Gauge,
      static_cast<double>(usage->resident_bytes));
  add("process_threads", "Threads of this process", Gauge, static_cast<double>(usage->threads));
  add("process_open_fds", "Open descriptors", Gauge, static_cast<double>(usage->open_descriptors));
  add("process_max_fds", "Most open descriptors", Gauge, static_cast<double>(usage->max_descriptors));
  add("process_start_time_seconds", "When this process started, since 1970", Gauge, usage->start_seconds);
  const ChildrenUsage children = sample_children(*usage);
  if (children.running == 0 && children.cpu_seconds == 0) return;  // most services have none
  add("millrace_child_processes", "Child processes that run", Gauge, static_cast<double>(children.running));
  add("millrace_child_processes_cpu_seconds_total",
      "User and system time of child processes, of those that ended too", Counter, children.cpu_seconds);
  add("millrace_child_processes_resident_memory_bytes",
      "Memory of child processes in RAM, what they share included", Gauge,
      static_cast<double>(children.resident_bytes));
}

Response metrics_response(const OpsSources& sources) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& source : sources.metrics) merge(source->Collect(), families);
  // A name without a series is noise in the text format.
  if (prometheus::MetricFamily survived = survived_family(); !survived.metric.empty())
    families.push_back(std::move(survived));
  add_process(families);
  return Response::text(200, "text/plain; version=0.0.4; charset=utf-8",
                        prometheus::TextSerializer().Serialize(families));
}

Response ops_response(const OpsSources& sources, const Request& request) {
  if (request.method != Method::kGet && request.method != Method::kHead) {
    Response response = Response::problem(405, "method_not_allowed");
    response.headers.add("Allow", "GET, HEAD");
    return response;
  }
  const bool trusted = sources.token.empty() || has_token(request, sources.token);
  if (request.path == "/healthz") return health_response(sources);
  if (request.path == "/readyz") return readiness_response(sources, trusted);
  if (request.path == "/metrics") return trusted ? metrics_response(sources) : unauthorized();
  return Response::problem(404, "not_found");
}

using Values = std::vector<std::pair<std::string, std::uint64_t>>;

prometheus::MetricFamily family_of(std::string name, std::string help, prometheus::MetricType type,
                                   const prometheus::ClientMetric::Label& owner, const std::string& label,
                                   const Values& values) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  for (const auto& [key, value] : values) {
    prometheus::ClientMetric metric;
    metric.label = {owner};
    if (!label.empty()) metric.label.push_back({label, key});
    const auto number = static_cast<double>(value);
    type == prometheus::MetricType::Gauge ? metric.gauge.value = number : metric.counter.value = number;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

// Metrics made again from a source's numbers at each collection.
class Collected final : public prometheus::Collectable {
 public:
  using Source = std::function<std::vector<prometheus::MetricFamily>()>;
  explicit Collected(Source collect) : collect_(std::move(collect)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return collect_(); }

 private:
  const Source collect_;
};

std::vector<prometheus::MetricFamily> families_of(const std::string& server, const Statistics& s) {
  using enum prometheus::MetricType;
  const prometheus::ClientMetric::Label owner{"server", server};
  return {
      family_of("millrace_http_connections", "Open connections", Gauge, owner, {}, {{"", s.connections}}),
      family_of("millrace_http_pending_requests", "Requests that wait for their answer", Gauge, owner, {},
                {{"", s.pending}}),
      family_of("millrace_http_accepted_total", "Connections accepted", Counter, owner, {},
                {{"", s.accepted}}),
      family_of("millrace_http_requests_total", "Requests that reached a handler", Counter, owner, {},
                {{"", s.requests}}),
      family_of("millrace_http_sent_bytes_total", "Bytes sent, header and body", Counter, owner, {},
                {{"", s.sent_bytes}}),
      family_of("millrace_http_responses_total", "Answers by class of status", Counter, owner, "class",
                {{"2xx", s.responses_2xx},
                 {"3xx", s.responses_3xx},
                 {"4xx", s.responses_4xx},
                 {"5xx", s.responses_5xx}}),
      family_of("millrace_http_faults_total", "What clients did wrong or met, by kind", Counter, owner,
                "kind",
                {{"refused_connection", s.refused_connections},
                 {"out_of_descriptors", s.out_of_descriptors},
                 {"bad_request", s.bad_requests},
                 {"read_timeout", s.read_timeouts},
                 {"write_timeout", s.write_timeouts},
                 {"answer_timeout", s.answer_timeouts},
                 {"aborted", s.aborted},
                 {"torn", s.torn}}),
  };
}

std::vector<prometheus::MetricFamily> families_of(const std::string& upstream, const UpstreamStatistics& s) {
  using enum prometheus::MetricType;
  const prometheus::ClientMetric::Label owner{"upstream", upstream};
  return {
      family_of("millrace_upstream_requests_total", "Requests passed on", Counter, owner, {},
                {{"", s.requests}}),
      family_of("millrace_upstream_answers_total", "Answers that came back, also those that came too late",
                Counter, owner, {}, {{"", s.answers}}),
      family_of("millrace_upstream_connects_total", "Connections made", Counter, owner, {},
                {{"", s.connects}}),
      family_of("millrace_upstream_faults_total", "Requests that met trouble, by kind", Counter, owner,
                "kind",
                {{"overloaded", s.overloaded},
                 {"unsent", s.unsent},
                 {"deadline", s.deadlines},
                 {"failure", s.failures},
                 {"abandoned", s.abandoned},
                 {"stray", s.strays}}),
  };
}

}  // namespace

Handler ops_handler(OpsSources sources) {
  auto shared = std::make_shared<const OpsSources>(std::move(sources));
  return [shared](Request&& request, const Responder& respond) {
    Response response = ops_response(*shared, request);
    if (!response.headers.contains("Cache-Control")) response.headers.add("Cache-Control", "no-store");
    response.ranges = false;
    respond(std::move(response));
  };
}

Result<std::unique_ptr<Server>> start_ops(const OpsConfig& config, OpsSources sources) {
  if (const Result<void> good = config.check(); !good) return tl::unexpected(good.error());
  sources.token = config.token;
  ServerConfig server;
  server.name = "ops";
  server.address = config.address;
  server.port = config.port;
  server.port_variable = config.port_variable;
  server.limits.connections = kOpsConnections;
  server.limits.connections_per_address = kOpsConnectionsPerAddress;
  return Server::start(std::move(server), ops_handler(std::move(sources)));
}

std::shared_ptr<prometheus::Collectable> server_metrics(const std::string& name, const Server& server) {
  return std::make_shared<Collected>(
      [name, source = server.statistics_source()] { return families_of(name, source()); });
}

std::shared_ptr<prometheus::Collectable> upstream_metrics(const std::string& name, const Upstream& upstream) {
  return std::make_shared<Collected>(
      [name, source = upstream.statistics_source()] { return families_of(name, source()); });
}

}  // namespace millrace::http
