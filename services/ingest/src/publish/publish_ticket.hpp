// The ticket of a publication that a publisher asks for: what auth is asked, and how answers come back to the
// role.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "publish/publish_role.hpp"
#include "rtmp/server_session.hpp"
#include "streams/publication_actor.hpp"

namespace millrace::ingest {

// Takes the request's texts. What is posted by it is void for the role of another publication.
std::shared_ptr<PublicationTicket> make_ticket(PublicationId publication_id, rtmp::PublishRequested& request,
                                               const std::string& peer_address,
                                               const PublishRole::Post& post);

}  // namespace millrace::ingest
