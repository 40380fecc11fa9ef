#include "viewers/viewer_repository.hpp"

#include <soci/soci.h>

#include <charconv>

#include "base/secret.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {
namespace {

constexpr std::size_t kIdDigits = 16;

struct Columns {
  std::string id;
  std::string stream_id;
  std::string label;
  int max_devices = 0;
  long long expires = 0;
  long long created = 0;
  int active = 0;

  ViewerRecord take() const {
    ViewerRecord viewer;
    viewer.id = parse_viewer_id(id).value_or(0);
    viewer.stream_id = stream_id;
    viewer.label = label;
    viewer.max_devices = static_cast<std::uint32_t>(max_devices);
    viewer.active_devices = static_cast<std::uint32_t>(active);
    viewer.expires_wall = WallTime::from_us(expires);
    viewer.created_wall = WallTime::from_us(created);
    return viewer;
  }
};

template <class Statement>
void select_into(Statement&& statement, Columns& columns) {
  statement, soci::into(columns.id), soci::into(columns.stream_id), soci::into(columns.label),
      soci::into(columns.max_devices), soci::into(columns.expires), soci::into(columns.created);
}

constexpr const char* kColumns =
    "viewers.viewer_id, viewers.stream_id, viewers.label, viewers.max_devices, viewers.expires_wall_us, "
    "viewers.created_wall_us";

// Of leases that are in use.
int active(soci::session& session, const std::string& viewer, WallTime now) {
  const long long now_us = now.us();
  int count = 0;
  session << "SELECT COUNT(*) FROM viewer_leases WHERE viewer_id = :viewer AND released = 0 AND "
             "until_wall_us > :now",
      soci::use(viewer), soci::use(now_us), soci::into(count);
  return count;
}

struct LeaseColumns {
  std::string viewer;
  std::string id;
  long long until = 0;

  Lease take() const {
    return {parse_viewer_id(viewer).value_or(0), parse_viewer_id(id).value_or(0), WallTime::from_us(until)};
  }
};

std::vector<Lease> leases(soci::session& session, const std::string& query, WallTime now) {
  const long long now_us = now.us();
  LeaseColumns columns;
  soci::statement statement = (session.prepare << query, soci::use(now_us), soci::into(columns.viewer),
                               soci::into(columns.id), soci::into(columns.until));
  std::vector<Lease> found;
  statement.execute();
  while (statement.fetch()) found.push_back(columns.take());
  return found;
}

}  // namespace

std::string viewer_id_text(std::uint64_t id) {
  return id_text(id);
}

std::optional<std::uint64_t> parse_viewer_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (text.size() != kIdDigits || error != std::errc() || end != text.data() + text.size() ||
      id_text(id) != text) {
    return std::nullopt;
  }
  return id;
}

Result<bool> ViewerRepository::add(const ViewerRecord& viewer) {
  return database_.write<bool>([&](soci::session& session) -> Result<bool> {
    int count = 0;
    session << "SELECT COUNT(*) FROM viewers WHERE stream_id = :stream AND revoked_until_us = 0",
        soci::use(viewer.stream_id), soci::into(count);
    if (count >= kMaxViewers) return false;
    const std::string id = viewer_id_text(viewer.id);
    const int devices = static_cast<int>(viewer.max_devices);
    const long long expires = viewer.expires_wall.us();
    const long long created = viewer.created_wall.us();
    session << "INSERT INTO viewers (viewer_id, stream_id, label, key_lookup, max_devices, expires_wall_us, "
               "created_wall_us) VALUES (:id, :stream, :label, :lookup, :devices, :expires, :created)",
        soci::use(id), soci::use(viewer.stream_id), soci::use(viewer.label), soci::use(viewer.key_lookup),
        soci::use(devices), soci::use(expires), soci::use(created);
    return true;
  });
}

Result<std::vector<ViewerRecord>> ViewerRepository::list(const std::string& stream_id, WallTime now) {
  return database_.read<std::vector<ViewerRecord>>(
      [&](soci::session& session) -> Result<std::vector<ViewerRecord>> {
        Columns columns;
        const long long now_us = now.us();
        soci::statement statement =
            (session.prepare << "SELECT " << kColumns
                             << ", (SELECT COUNT(*) FROM viewer_leases WHERE viewer_leases.viewer_id = "
                                "viewers.viewer_id AND released = 0 AND until_wall_us > :now) FROM viewers "
                                "WHERE viewers.stream_id = :stream AND revoked_until_us = 0 ORDER BY "
                                "created_wall_us, viewer_id",
             soci::use(now_us), soci::use(stream_id), soci::into(columns.id), soci::into(columns.stream_id),
             soci::into(columns.label), soci::into(columns.max_devices), soci::into(columns.expires),
             soci::into(columns.created), soci::into(columns.active));
        std::vector<ViewerRecord> viewers;
        statement.execute();
        while (statement.fetch()) viewers.push_back(columns.take());
        return viewers;
      });
}

Result<std::optional<ViewerRecord>> ViewerRepository::revoke(const std::string& stream_id, std::uint64_t id,
                                                             WallTime keep_until) {
  return database_.write<std::optional<ViewerRecord>>(
      [&](soci::session& session) -> Result<std::optional<ViewerRecord>> {
        Columns columns;
        const std::string viewer = viewer_id_text(id);
        const long long keep_until_us = keep_until.us();
        select_into((session << "UPDATE viewers SET revoked_until_us = :keep WHERE viewer_id = :id AND "
                                "stream_id = :stream AND revoked_until_us = 0 RETURNING "
                             << kColumns,
                     soci::use(keep_until_us), soci::use(viewer), soci::use(stream_id)),
                    columns);
        return session.got_data() ? std::optional(columns.take()) : std::nullopt;
      });
}

Result<std::optional<ViewerRecord>> ViewerRepository::find(const std::string& stream_id,
                                                           const std::string& key_lookup, WallTime now) {
  return database_.read<std::optional<ViewerRecord>>(
      [&](soci::session& session) -> Result<std::optional<ViewerRecord>> {
        Columns columns;
        const long long now_us = now.us();
        select_into((session << "SELECT " << kColumns
                             << " FROM viewers JOIN streams ON streams.stream_id = viewers.stream_id WHERE "
                                "viewers.key_lookup = :lookup AND viewers.stream_id = :stream AND "
                                "viewers.revoked_until_us = 0 AND (viewers.expires_wall_us = 0 OR "
                                "viewers.expires_wall_us > :now) AND streams.banned = 0",
                     soci::use(key_lookup), soci::use(stream_id), soci::use(now_us)),
                    columns);
        return session.got_data() ? std::optional(columns.take()) : std::nullopt;
      });
}

Result<std::optional<Lease>> ViewerRepository::lease(const ViewerRecord& viewer,
                                                     const std::string& device_lookup, WallTime now,
                                                     WallTime until) {
  return database_.write<std::optional<Lease>>([&](soci::session& session) -> Result<std::optional<Lease>> {
    const std::string viewer_id = viewer_id_text(viewer.id);
    const long long now_us = now.us();
    const long long until_us = until.us();
    session << "DELETE FROM viewer_leases WHERE viewer_id = :viewer AND until_wall_us <= :now",
        soci::use(viewer_id), soci::use(now_us);
    std::string lease_id;
    session
        << "UPDATE viewer_leases SET until_wall_us = :until WHERE viewer_id = :viewer AND device_lookup = "
           ":device AND released = 0 RETURNING lease_id",
        soci::use(until_us), soci::use(viewer_id), soci::use(device_lookup), soci::into(lease_id);
    if (session.got_data()) return Lease{viewer.id, parse_viewer_id(lease_id).value_or(0), until};
    if (active(session, viewer_id, now) >= static_cast<int>(viewer.max_devices)) return std::nullopt;
    const std::uint64_t id = random_u64() | 1;
    lease_id = viewer_id_text(id);
    session << "INSERT INTO viewer_leases (lease_id, viewer_id, device_lookup, until_wall_us) VALUES (:id, "
               ":viewer, :device, :until)",
        soci::use(lease_id), soci::use(viewer_id), soci::use(device_lookup), soci::use(until_us);
    return Lease{viewer.id, id, until};
  });
}

Result<std::optional<Lease>> ViewerRepository::release(std::uint64_t viewer, const std::string& device_lookup,
                                                       WallTime now) {
  return database_.write<std::optional<Lease>>([&](soci::session& session) -> Result<std::optional<Lease>> {
    LeaseColumns columns;
    const std::string viewer_id = viewer_id_text(viewer);
    const long long now_us = now.us();
    session << "UPDATE viewer_leases SET released = 1 WHERE viewer_id = :viewer AND device_lookup = :device "
               "AND released = 0 AND until_wall_us > :now RETURNING viewer_id, lease_id, until_wall_us",
        soci::use(viewer_id), soci::use(device_lookup), soci::use(now_us), soci::into(columns.viewer),
        soci::into(columns.id), soci::into(columns.until);
    return session.got_data() ? std::optional(columns.take()) : std::nullopt;
  });
}

Result<std::vector<Lease>> ViewerRepository::taken_back(WallTime now) {
  return database_.write<std::vector<Lease>>([&](soci::session& session) -> Result<std::vector<Lease>> {
    const long long now_us = now.us();
    session << "DELETE FROM viewer_leases WHERE until_wall_us <= :now", soci::use(now_us);
    session << "DELETE FROM viewers WHERE revoked_until_us > 0 AND revoked_until_us <= :now",
        soci::use(now_us);
    std::vector<Lease> found = leases(session,
                                      "SELECT viewer_id, lease_id, until_wall_us FROM viewer_leases WHERE "
                                      "released = 1 AND until_wall_us > :now",
                                      now);
    for (Lease& viewer : leases(session,
                                "SELECT viewer_id, '0000000000000000', revoked_until_us FROM viewers WHERE "
                                "revoked_until_us > :now",
                                now)) {
      found.push_back(viewer);
    }
    return found;
  });
}

}  // namespace millrace::auth
