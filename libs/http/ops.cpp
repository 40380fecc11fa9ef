#include "http/ops.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "runtime/health.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t kOpsConnections = 64;

Response health_response(const OpsSources& sources, bool readiness) {
  if (!readiness) return Response::text(200, "application/json", "{\"service\":\"" + sources.service + "\"}");
  const runtime::HealthReport report = sources.health->report();
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

Response metrics_response(const OpsSources& sources) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& source : sources.metrics) merge(source->Collect(), families);
  return Response::text(200, "text/plain; version=0.0.4; charset=utf-8",
                        prometheus::TextSerializer().Serialize(families));
}

Response ops_response(const OpsSources& sources, const Request& request) {
  if (request.method != Method::kGet && request.method != Method::kHead) {
    Response response = Response::problem(405, "method_not_allowed");
    response.headers.add("Allow", "GET, HEAD");
    return response;
  }
  if (request.path == "/healthz") return health_response(sources, false);
  if (request.path == "/readyz") return health_response(sources, true);
  if (request.path == "/metrics") return metrics_response(sources);
  return Response::problem(404, "not_found");
}

class ServerMetrics final : public prometheus::Collectable {
 public:
  ServerMetrics(std::string name, std::function<Statistics()> source)
      : name_(std::move(name)), source_(std::move(source)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const Statistics s = source_();
    std::vector<prometheus::MetricFamily> families = {
        gauge("millrace_http_connections", "Open connections", s.connections),
        gauge("millrace_http_pending_requests", "Requests that wait for their answer", s.pending),
        counter("millrace_http_accepted_total", "Connections accepted", s.accepted),
        counter("millrace_http_requests_total", "Requests that reached a handler", s.requests),
        counter("millrace_http_sent_bytes_total", "Bytes sent, header and body", s.sent_bytes),
    };
    families.push_back(labelled("millrace_http_responses_total", "Answers by class of status", "class",
                                {{"2xx", s.responses_2xx},
                                 {"3xx", s.responses_3xx},
                                 {"4xx", s.responses_4xx},
                                 {"5xx", s.responses_5xx}}));
    families.push_back(labelled("millrace_http_faults_total", "What clients did wrong or met, by kind",
                                "kind",
                                {{"refused_connection", s.refused_connections},
                                 {"out_of_descriptors", s.out_of_descriptors},
                                 {"bad_request", s.bad_requests},
                                 {"read_timeout", s.read_timeouts},
                                 {"write_timeout", s.write_timeouts},
                                 {"answer_timeout", s.answer_timeouts},
                                 {"aborted", s.aborted},
                                 {"torn", s.torn}}));
    return families;
  }

 private:
  using Values = std::vector<std::pair<std::string, std::uint64_t>>;

  prometheus::MetricFamily labelled(std::string name, std::string help, const std::string& label,
                                    const Values& values) const {
    prometheus::MetricFamily family;
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = prometheus::MetricType::Counter;
    for (const auto& [key, value] : values) {
      prometheus::ClientMetric metric;
      metric.label = {{"server", name_}};
      if (!label.empty()) metric.label.push_back({label, key});
      metric.counter.value = static_cast<double>(value);
      family.metric.push_back(std::move(metric));
    }
    return family;
  }
  prometheus::MetricFamily counter(std::string name, std::string help, std::uint64_t value) const {
    return labelled(std::move(name), std::move(help), {}, {{"", value}});
  }
  prometheus::MetricFamily gauge(std::string name, std::string help, std::uint64_t value) const {
    prometheus::MetricFamily family = counter(std::move(name), std::move(help), 0);
    family.type = prometheus::MetricType::Gauge;
    family.metric.front().gauge.value = static_cast<double>(value);
    return family;
  }

  const std::string name_;
  const std::function<Statistics()> source_;
};

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

Result<std::unique_ptr<Server>> start_ops(ServerConfig config, OpsSources sources) {
  config.name = "ops";
  config.threads = 1;
  config.limits.connections = kOpsConnections;
  return Server::start(std::move(config), ops_handler(std::move(sources)));
}

std::shared_ptr<prometheus::Collectable> server_metrics(const std::string& name, const Server& server) {
  return std::make_shared<ServerMetrics>(name, server.statistics_source());
}

}  // namespace millrace::http
