#include "service.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/scarce_memory.hpp"
#include "bus/v1/bus.pb.h"
#include "bus_services.hpp"
#include "media/errors.hpp"
#include "metrics.hpp"
#include "net/tls_certificate.hpp"
#include "reload_report.hpp"
#include "runtime/supervisor.hpp"
#include "server/server.hpp"
#include "service/shell.hpp"
#include "streams/publications.hpp"

namespace millrace::ingest {

namespace {

constexpr std::chrono::milliseconds kLastWords{500};
constexpr std::uint64_t kMinLogs = 1024;
constexpr std::uint64_t kMaxLogs = 16'384;
constexpr std::int64_t kExpiresSoon = 7 * 86'400;

void report_certificate(runtime::Health& health, const net::TlsCertificate& certificate) {
  health.set("tls", runtime::HealthState::kReady);
  const std::int64_t left = certificate.current()->expires_at().seconds() - wall_now().seconds();
  if (left > kExpiresSoon) return log::info("TLS certificate in use", {{"days_left", left / 86'400}});
  log::warning(left > 0 ? "the TLS certificate expires soon" : "the TLS certificate has expired",
               {{"seconds_left", left}});
}

void answer_reload(const Result<void>& written) {
  if (!written) log::warning("what came of a reload is not reported", {{"message", written.error().message}});
}

}  // namespace

// In the order of construction; destroyed the other way round.
struct IngestService::Parts {
  std::shared_ptr<runtime::Health> health;
  std::unique_ptr<media::ArenaWriter> arena;
  std::unique_ptr<media::ArenaReader> arena_reader;
  LiveStreams streams;
  service::Shell shell;
  std::unique_ptr<BusAuthority> authority;
  std::unique_ptr<BusAnnouncer> announcer;
  std::unique_ptr<Publications> publications;
  std::unique_ptr<net::TlsCertificate> certificate;
  std::unique_ptr<Server> server;
};

IngestService::IngestService() : parts_(std::make_unique<Parts>()) {}
IngestService::~IngestService() {
  // Its callbacks use parts that go before it.
  parts_->shell.close();
}

Result<void> IngestService::open_log(const runtime::ServiceContext& context) {
  media::ArenaConfig arena;
  arena.directory = config_.media_log.directory(context.home);
  arena.name = config_.arena_name();
  arena.bytes = config_.log_bytes;
  // As many live logs as can be promised their bytes, as many ended ones, and a slate for each of these.
  const std::uint64_t logs = 3 * config_.log_bytes / std::max<std::uint64_t>(config_.log_stream_bytes, 1);
  arena.max_logs = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(logs, kMinLogs, kMaxLogs));
  auto writer = media::ArenaWriter::open(arena);
  // No restart makes the file system larger.
  if (!writer && writer.error().code == media::errors::kNoSpace)
    return fail("config.media_log",
                writer.error().message +
                    " (MEDIA_LOG_BYTES must fit into MEDIA_LOG_DIR's tmpfs, in containers into SHARED_SIZE)");
  if (!writer) return fail(writer.error(), "media log (MEDIA_LOG_DIR, MEDIA_LOG_BYTES)");
  auto reader = media::ArenaReader::open(arena.directory, arena.name, "ingest-players");
  if (!reader) return fail(reader.error(), "media log");
  const media::ArenaStatistics opened = (*writer)->statistics();
  log::info("media log opened", {{"directory", arena.directory},
                                 {"arena", arena.name},
                                 {"bytes", opened.total_bytes},
                                 {"page_bytes", opened.page_bytes},
                                 {"huge_page_bytes", opened.huge_page_bytes}});
  parts_->arena = std::move(*writer);
  parts_->arena_reader = std::move(*reader);
  context.health->set("media-log", runtime::HealthState::kReady);
  return {};
}

Result<void> IngestService::open_tls(const runtime::ServiceContext& context) {
  home_ = context.home;
  if (!config_.tls()) return {};
  auto certificate = net::TlsCertificate::open(config_.tls_certificate, config_.tls_key);
  if (!certificate) return fail("config.tls", "SSL_CERT, SSL_KEY: " + certificate.error().message);
  parts_->certificate = std::move(*certificate);
  const net::TlsCertificate& opened = *parts_->certificate;
  const std::shared_ptr<runtime::Health> health = context.health;
  report_certificate(*health, opened);
  parts_->certificate->watch(
      config_.tls_check,
      [health, &opened](const Result<net::TlsCertificate::Check>& looked) {
        if (looked) return report_certificate(*health, opened);
        log::error("the TLS certificate's files are not usable, the old pair serves on",
                   {{"code", looked.error().code}, {"message", looked.error().message}});
        health->set("tls", runtime::HealthState::kDegraded,
                    "changed files of certificate and key are not usable, the old pair serves on: " +
                        looked.error().message);
      },
      [home = home_](const Result<net::TlsCertificate::Check>& looked) {
        answer_reload(write_reload_report(home, looked));
      });
  return {};
}

void IngestService::reload() {
  if (parts_->certificate) return parts_->certificate->look();
  answer_reload(write_reload_report(home_));
}

Result<void> IngestService::open_bus(const runtime::ServiceContext& context) {
  if (Result<void> joined = parts_->shell.join_bus(context, config_.bus); !joined) return joined;
  bus::Node& node = parts_->shell.node();
  parts_->authority = std::make_unique<BusAuthority>(node, config_.decision_timeout);
  parts_->announcer = std::make_unique<BusAnnouncer>(node, config_.arena_name());
  const std::shared_ptr<runtime::Health> health = context.health;
  node.subscribe("auth", {.on_snapshot =
                              [health](const bus::v1::Snapshot& snapshot) {
                                // Without a boot it stands for an instance that is gone.
                                if (snapshot.boot_id() != 0)
                                  health->set("auth", runtime::HealthState::kReady);
                              },
                          .on_event = nullptr,
                          .on_lost =
                              [health, &node](const bus::PeerName&) {
                                if (!node.instances("auth").empty()) return;
                                health->set("auth", runtime::HealthState::kDegraded,
                                            "auth is silent: nobody can begin to publish or play");
                              }});
  return {};
}

void IngestService::start_supervisor(const runtime::ServiceContext& context) {
  Parts& parts = *parts_;
  parts.publications = std::make_unique<Publications>(
      PublicationDependencies{*parts.authority, *parts.announcer, parts.streams});
  runtime::add_child(
      context.root, {.name = "publications",
                     .group = {},
                     .spawn = [publications = parts.publications.get(), health = context.health](
                                  caf::event_based_actor& root) { return publications->spawn(root, health); },
                     .restart = runtime::Restart::kPermanent});
}

// Publishers don't wait for what somebody asked of the last process.
void IngestService::remember_forwards(const runtime::ServiceContext& context) {
  const std::string path = context.home + "/data/forwards-" + config_.bus.instance + ".json";
  const Result<void> remembered = parts_->server->forwards().remember_in(path);
  if (remembered) return;
  log::error("forwards of earlier commands are lost", {{"message", remembered.error().message}});
  context.health->set("forwards", runtime::HealthState::kDegraded,
                      "forwards of earlier commands are lost: " + remembered.error().message);
}

Result<void> IngestService::start(runtime::ServiceContext& context) {
  parts_->health = context.health;
  wait_for_scarce_memory();
  if (Result<void> checked = config_.check(); !checked) return checked;
  bus::EndpointsConfig bus = config_.bus;
  bus.home = context.home;
  if (const auto endpoints = bus::endpoints(bus); !endpoints) return tl::unexpected<Error>(endpoints.error());
  if (Result<void> opened = open_log(context); !opened) return opened;
  if (Result<void> opened = open_bus(context); !opened) return opened;
  if (Result<void> opened = open_tls(context); !opened) return opened;
  start_supervisor(context);
  Parts& parts = *parts_;
  auto server = Server::start(
      {.config = config_,
       .arena = *parts.arena,
       .arena_reader = *parts.arena_reader,
       .authority = *parts.authority,
       .announcer = *parts.announcer,
       .streams = parts.streams,
       .start_publication =
           [&parts](const std::shared_ptr<PublicationTicket>& ticket) { parts.publications->start(ticket); },
       .certificate = parts.certificate.get()});
  if (!server) return tl::unexpected<Error>(server.error());
  parts.server = std::move(*server);
  remember_forwards(context);
  serve_commands(parts.shell.node(), parts.streams, parts.server->forwards(), parts.server->slates());
  context.health->set("rtmp", runtime::HealthState::kReady);

  runtime::Ports ports = {{"RTMP_PORT", parts.server->port()}};
  if (parts.certificate) ports.emplace_back("SSL_PORT", parts.server->tls_port());
  return parts.shell.open_ops(context, config_.ops,
                              {make_metrics({*parts.server, *parts.arena, parts.streams, parts.shell.node(),
                                             parts.certificate.get()})},
                              std::move(ports));
}

void IngestService::drain(runtime::Deadline deadline) {
  if (!parts_->server) return;
  parts_->health->set("rtmp", runtime::HealthState::kStopping, "draining");
  parts_->server->drain(deadline - kLastWords);
  // The publications' actors announce the ends; then the bus sends what is queued.
  while (!parts_->streams.all().empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  parts_->shell.close();
  if (parts_->publications) parts_->publications->release();
}

}  // namespace millrace::ingest
