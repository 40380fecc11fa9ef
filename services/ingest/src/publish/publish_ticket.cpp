#include "publish/publish_ticket.hpp"

#include <utility>

namespace millrace::ingest {

std::shared_ptr<PublicationTicket> make_ticket(PublicationId publication_id, rtmp::PublishRequested& request,
                                               const std::string& peer_address,
                                               const PublishRole::Post& post) {
  auto ticket = std::make_shared<PublicationTicket>();
  ticket->publication_id = publication_id;
  ticket->question = {.app = std::move(request.app),
                      .key = std::move(request.name),
                      .query = std::move(request.query),
                      .peer_address = peer_address,
                      .publication_id = publication_id,
                      .tc_url = std::move(request.tc_url),
                      .flash_version = std::move(request.flash_version)};
  ticket->accept = [post](const LiveStreamPtr& stream) {
    post([stream](PublishRole& role) { role.accept(stream); });
  };
  ticket->reject = [post, publication_id](const Error& error) {
    post([publication_id, error](PublishRole& role) { role.refuse(publication_id, error); });
  };
  ticket->terminate = [post, publication_id](media::LogEnd reason) {
    post([publication_id, reason](PublishRole& role) {
      if (role.state().publication_id == publication_id) role.terminate(reason);
    });
  };
  ticket->change_limits = [post, publication_id](const StreamLimits& limits) {
    post([publication_id, limits](PublishRole& role) {
      if (role.state().publication_id == publication_id) role.change_limits(limits);
    });
  };
  return ticket;
}

}  // namespace millrace::ingest
