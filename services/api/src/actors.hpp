// The actors of the API, permanent children of the root supervisor:
//
//   application   owns the REST application: starts it, gives the edge its port, asks it every two seconds
//                 whether it is alive, and crashes (to be started again) when it does not answer
//   presence      turns what is known of other services and of the web files into health
//
// Requests never pass through a mailbox: they go from the edge's threads to the application's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "application.hpp"
#include "http/upstream.hpp"
#include "peers.hpp"
#include "runtime/health.hpp"
#include "runtime/supervisor.hpp"
#include "web_files.hpp"

namespace millrace::api {

// Everything outlives the actors.
struct ActorParts {
  std::function<Result<std::unique_ptr<Application>>()> start_application;
  Secret edge_secret;
  http::Upstream& upstream;
  const Peers& peers;
  const WebFiles& files;
  std::shared_ptr<runtime::Health> health;
};

runtime::ChildSpec application_child(const std::shared_ptr<ActorParts>& parts);
runtime::ChildSpec presence_child(const std::shared_ptr<ActorParts>& parts);

}  // namespace millrace::api
