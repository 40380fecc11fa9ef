#include "streams/channel_repository.hpp"

#include <soci/soci.h>

#include "base/clock.hpp"

namespace millrace::auth {

namespace {

struct Columns {
  long long epoch = 0;
  int banned = 0;
  int is_private = 0;

  Channel take() const { return {static_cast<Epoch>(epoch), banned != 0, is_private != 0}; }
};

}  // namespace

Result<std::optional<Channel>> ChannelRepository::admit(const std::string& channel, bool private_by_default) {
  return database_.write<std::optional<Channel>>([&](soci::session& session)
                                                     -> Result<std::optional<Channel>> {
    const int is_private = private_by_default ? 1 : 0;
    Columns columns;
    session
        << "INSERT INTO channels (channel, epoch, private) VALUES (:channel, 1, :private) ON CONFLICT "
           "(channel) DO "
           "UPDATE SET epoch = channels.epoch + 1 WHERE channels.banned = 0 RETURNING epoch, banned, private",
        soci::use(channel), soci::use(is_private), soci::into(columns.epoch), soci::into(columns.banned),
        soci::into(columns.is_private);
    return session.got_data() ? std::optional(columns.take()) : std::nullopt;
  });
}

Result<std::optional<Channel>> ChannelRepository::find(const std::string& channel) {
  return database_.read<std::optional<Channel>>(
      [&](soci::session& session) -> Result<std::optional<Channel>> {
        Columns columns;
        session << "SELECT epoch, banned, private FROM channels WHERE channel = :channel", soci::use(channel),
            soci::into(columns.epoch), soci::into(columns.banned), soci::into(columns.is_private);
        return session.got_data() ? std::optional(columns.take()) : std::nullopt;
      });
}

// flag is a column of ours, never a value from outside.
Result<std::vector<std::string>> ChannelRepository::list(const char* flag, std::size_t limit) {
  return database_.read<std::vector<std::string>>(
      [&](soci::session& session) -> Result<std::vector<std::string>> {
        std::string channel;
        soci::statement query = (session.prepare << "SELECT channel FROM channels WHERE " << flag
                                                 << " = 1 AND epoch > 0 ORDER BY epoch DESC LIMIT " << limit,
                                 soci::into(channel));
        std::vector<std::string> channels;
        query.execute();
        while (query.fetch()) channels.push_back(channel);
        return channels;
      });
}

Result<std::vector<RevokedStream>> ChannelRepository::list_revoked(std::size_t limit) {
  return database_.read<std::vector<RevokedStream>>(
      [&](soci::session& session) -> Result<std::vector<RevokedStream>> {
        std::string channel;
        long long epoch = 0;
        int banned = 0;
        soci::statement query = (session.prepare << "SELECT channel, revoked_epoch, banned FROM channels "
                                                    "WHERE revoked_epoch > 0 ORDER BY revoked_wall_us DESC "
                                                    "LIMIT "
                                                 << limit,
                                 soci::into(channel), soci::into(epoch), soci::into(banned));
        std::vector<RevokedStream> revoked;
        query.execute();
        while (query.fetch()) revoked.push_back({channel, static_cast<Epoch>(epoch), banned != 0});
        return revoked;
      });
}

Result<void> ChannelRepository::raise_epochs(std::span<const LivePublication> live, bool private_by_default) {
  return database_.write<void>([&](soci::session& session) -> Result<void> {
    const int is_private = private_by_default ? 1 : 0;
    for (const LivePublication& publication : live) {
      const auto epoch = static_cast<long long>(number_of(publication.epoch));
      session
          << "INSERT INTO channels (channel, epoch, private) VALUES (:channel, :epoch, :private) ON CONFLICT "
             "(channel) DO UPDATE SET epoch = excluded.epoch WHERE channels.epoch < excluded.epoch",
          soci::use(publication.stream_id), soci::use(epoch), soci::use(is_private);
    }
    return {};
  });
}

// column is one of ours, never a value from outside.
Result<Channel> ChannelRepository::set_flag(const char* column, const std::string& channel, bool value,
                                            bool revokes) {
  return database_.write<Channel>([&](soci::session& session) -> Result<Channel> {
    const int flag = value ? 1 : 0;
    const long long now = wall_now().us();
    Columns columns;
    session << "INSERT INTO channels (channel, " << column
            << ", revoked_wall_us) VALUES (:channel, :flag, :now) ON CONFLICT (channel) DO UPDATE SET "
            << column << " = excluded." << column
            << (revokes ? ", revoked_epoch = channels.epoch, revoked_wall_us = excluded.revoked_wall_us" : "")
            << " RETURNING epoch, banned, private",
        soci::use(channel), soci::use(flag), soci::use(now), soci::into(columns.epoch),
        soci::into(columns.banned), soci::into(columns.is_private);
    return columns.take();
  });
}

}  // namespace millrace::auth
