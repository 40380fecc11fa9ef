// Who is at the other end of a connection. Owner: the connection.
#pragma once

#include <string>

#include "net/ip_network.hpp"
#include "server/admission.hpp"

namespace millrace::ingest {

struct Peer {
  net::IpAddress address;  // the client's, also behind a trusted proxy
  std::string text;        // the same, for logs, questions and events
  Admission::Place place;
};

}  // namespace millrace::ingest
