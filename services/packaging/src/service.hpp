// packaging as a service: configuration, actors, bus, delivery, operator's endpoints. Main thread only.
#pragma once

#include <memory>

#include "config.hpp"
#include "runtime/service.hpp"
#include "service/shell.hpp"

namespace millrace::http {
class Responder;
class Server;
struct Request;
}  // namespace millrace::http

namespace millrace::packaging {

class Delivery;
class DvrArchive;
class DvrDelivery;
class FlvDelivery;
class PatientDelivery;
class PlaybackGate;
struct PackagingShared;

class PackagingService {
 public:
  PackagingService();
  ~PackagingService();

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);

 private:
  void make_delivery(const std::string& home);
  Result<void> start_bus(const runtime::ServiceContext& context);
  Result<void> listen();
  void serve();
  void listen_to_auth();
  void listen_to_transcoding();
  bool knows_all() const;
  void wait_until_all_is_known() const;
  void redirect_to_stream(http::Request request, std::string key, const http::Responder& responder) const;

  PackagingConfig config_;
  std::shared_ptr<PackagingShared> shared_;
  std::unique_ptr<PlaybackGate> gate_;
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<DvrDelivery> dvr_;     // nullptr: off
  std::unique_ptr<DvrArchive> archive_;  // goes first: its threads use dvr_
  std::unique_ptr<PatientDelivery> patient_;
  std::unique_ptr<FlvDelivery> flv_;
  service::Shell shell_;
  std::unique_ptr<http::Server> hls_;
};

}  // namespace millrace::packaging
