// Viewer keys and the leases of the devices that use them. One owner, one thread at a time; each call is one
// transaction and blocks. Errors are those of store/database.hpp. Keys are found by an HMAC of them, devices
// kept as one: the database alone gives neither away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/wall_time.hpp"
#include "store/database.hpp"

namespace millrace::auth {

struct ViewerRecord {
  std::uint64_t id = 0;
  std::string stream_id;
  std::string label;
  std::string key_lookup;
  std::uint32_t max_devices = 1;
  std::uint32_t active_devices = 0;
  WallTime expires_wall{};  // not set: never
  WallTime created_wall{};
};

struct Lease {
  std::uint64_t viewer = 0;
  std::uint64_t id = 0;
  WallTime until_wall{};
};

class ViewerRepository {
 public:
  static constexpr int kMaxViewers = 500;  // of a stream; further ones are refused

  // database outlives this.
  explicit ViewerRepository(store::Database& database) : database_(database) {}

  // False: the stream has kMaxViewers.
  Result<bool> add(const ViewerRecord& viewer);
  // Oldest first.
  Result<std::vector<ViewerRecord>> list(const std::string& stream_id, WallTime now);
  // nullopt: there is none. Kept until keep_until, for auth to remember after a restart what it took back.
  Result<std::optional<ViewerRecord>> revoke(const std::string& stream_id, std::uint64_t id,
                                             WallTime keep_until);
  // One that may be used now, of a stream that is not banned; one statement whatever is wrong.
  Result<std::optional<ViewerRecord>> find(const std::string& stream_id, const std::string& key_lookup,
                                           WallTime now);
  // A lease of a device until then: its own again, or a new one while there are fewer than max_devices.
  // nullopt: there are not.
  Result<std::optional<Lease>> lease(const ViewerRecord& viewer, const std::string& device_lookup,
                                     WallTime now, WallTime until);
  // nullopt: it has none.
  Result<std::optional<Lease>> release(std::uint64_t viewer, const std::string& device_lookup, WallTime now);
  // What was taken back and could still be used: leases; id 0: all of a viewer's. Forgets what has run out.
  Result<std::vector<Lease>> taken_back(WallTime now);

 private:
  store::Database& database_;
};

// 16 hexadecimal digits, and back.
std::string viewer_id_text(std::uint64_t id);
std::optional<std::uint64_t> parse_viewer_id(std::string_view text);

}  // namespace millrace::auth
