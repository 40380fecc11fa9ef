// What we keep of streams that only a callback or hook knows: epoch, ban, privacy. One owner, one thread at a
// time; each call is one transaction and blocks. Errors are those of store/database.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"
#include "store/database.hpp"
#include "streams/stream_store.hpp"

namespace millrace::auth {

struct Channel {
  Epoch epoch{};
  bool banned = false;
  bool is_private = false;
};

class ChannelRepository {
 public:
  // database outlives this.
  explicit ChannelRepository(store::Database& database) : database_(database) {}

  // Makes epoch + 1 the channel's epoch, committed when this returns; nullopt when it is banned. A channel
  // that is not known yet begins with this privacy.
  Result<std::optional<Channel>> admit(const std::string& channel, bool private_by_default);
  // nullopt: unknown.
  Result<std::optional<Channel>> find(const std::string& channel);
  // Also of channels that were never published. A ban and either privacy revoke what is published until then.
  Result<Channel> set_banned(const std::string& channel, bool banned) {
    return set_flag("banned", channel, banned, banned);
  }
  Result<Channel> set_private(const std::string& channel, bool is_private) {
    return set_flag("private", channel, is_private, true);
  }
  // Those that are private and were ever published, the most often published first, at most limit.
  Result<std::vector<std::string>> list_private(std::size_t limit) { return list("private", limit); }
  // The same of those that are banned.
  Result<std::vector<std::string>> list_banned(std::size_t limit) { return list("banned", limit); }
  // Those whose publications were revoked, the last one first, at most limit.
  Result<std::vector<RevokedStream>> list_revoked(std::size_t limit);
  // Those whose epoch is below that of their live publication, or that are not known, get that.
  Result<void> raise_epochs(std::span<const LivePublication> live, bool private_by_default);

 private:
  Result<std::vector<std::string>> list(const char* flag, std::size_t limit);
  Result<Channel> set_flag(const char* column, const std::string& channel, bool value, bool revokes);

  store::Database& database_;
};

}  // namespace millrace::auth
