#include "sessions/session_repository.hpp"

#include <soci/soci.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {

namespace {

using Json = nlohmann::json;

std::string sealed_for(const std::string& publication) {
  return "session " + publication;
}

std::string to_json(const AccessRequest& request) {
  const Json details = {{"session_id", request.session_id},
                        {"app", request.app},
                        {"name", request.name},
                        {"query", request.query},
                        {"client_ip", request.client_ip},
                        {"tc_url", request.tc_url},
                        {"flash_version", request.flash_version}};
  return details.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool from_json(const std::string& text, AccessRequest& request) {
  const Json details = Json::parse(text, nullptr, false);
  if (!details.is_object()) return false;
  request.session_id = details.value("session_id", "");
  request.app = details.value("app", "");
  request.name = details.value("name", "");
  request.query = details.value("query", "");
  request.client_ip = details.value("client_ip", "");
  request.tc_url = details.value("tc_url", "");
  request.flash_version = details.value("flash_version", "");
  return true;
}

struct Row {
  std::string publication;
  std::string stream_id;
  int owed = 0;
  long long admitted = 0;
  long long ended = 0;
  std::string sealed;
};

}  // namespace

Result<std::vector<Session>> SessionRepository::load() {
  const auto rows = database_.read<std::vector<Row>>([](soci::session& session) -> Result<std::vector<Row>> {
    Row row;
    soci::statement query =
        (session.prepare
             << "SELECT publication_id, stream_id, owed, admitted_wall_us, ended_wall_us, details_sealed "
                "FROM sessions ORDER BY id",
         soci::into(row.publication), soci::into(row.stream_id), soci::into(row.owed),
         soci::into(row.admitted), soci::into(row.ended), soci::into(row.sealed));
    std::vector<Row> all;
    query.execute();
    while (query.fetch()) all.push_back(row);
    return all;
  });
  if (!rows) return tl::unexpected<Error>(rows.error());
  std::vector<Session> sessions;
  for (const Row& row : *rows) {
    Session session;
    const char* const end = row.publication.data() + row.publication.size();
    const bool numbered = std::from_chars(row.publication.data(), end, session.request.id, 16).ptr == end;
    const Result<Secret> details = vault_.open(row.sealed, sealed_for(row.publication));
    if (!numbered || !details || !from_json(details->reveal(), session.request)) {
      log::error("a session in the database can't be read", {{"publication", row.publication}});
      if (numbered) (void)set_owed(session.id(), 0);
      continue;
    }
    session.request.stream_id = row.stream_id;
    session.owed = static_cast<std::uint32_t>(row.owed);
    session.admitted_wall = WallTime::from_us(row.admitted);
    session.ended_wall = WallTime::from_us(row.ended);
    sessions.push_back(std::move(session));
  }
  return sessions;
}

Result<void> SessionRepository::add(const Session& session) {
  return database_.write<void>([&](soci::session& sql) -> Result<void> {
    const std::string publication = id_text(number_of(session.id()));
    const std::string sealed = vault_.seal(Secret(to_json(session.request)), sealed_for(publication));
    const int owed = static_cast<int>(session.owed);
    const long long admitted = session.admitted_wall.us();
    const long long ended = session.ended_wall.us();
    sql << "INSERT INTO sessions (publication_id, stream_id, owed, admitted_wall_us, ended_wall_us, "
           "details_sealed) "
           "VALUES (:publication, :stream, :owed, :admitted, :ended, :sealed)",
        soci::use(publication), soci::use(session.request.stream_id), soci::use(owed), soci::use(admitted),
        soci::use(ended), soci::use(sealed);
    return {};
  });
}

Result<void> SessionRepository::end(PublicationId id, WallTime ended_wall) {
  return database_.write<void>([&](soci::session& sql) -> Result<void> {
    const std::string publication = id_text(number_of(id));
    const long long ended = ended_wall.us();
    sql << "UPDATE sessions SET ended_wall_us = :ended WHERE publication_id = :publication", soci::use(ended),
        soci::use(publication);
    return {};
  });
}

Result<void> SessionRepository::set_owed(PublicationId id, std::uint32_t owed) {
  return database_.write<void>([&](soci::session& sql) -> Result<void> {
    const std::string publication = id_text(number_of(id));
    const int bits = static_cast<int>(owed);
    if (owed == 0) {
      sql << "DELETE FROM sessions WHERE publication_id = :publication", soci::use(publication);
    } else {
      sql << "UPDATE sessions SET owed = :owed WHERE publication_id = :publication", soci::use(bits),
          soci::use(publication);
    }
    return {};
  });
}

}  // namespace millrace::auth
