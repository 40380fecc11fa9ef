// What auth keeps about streams, as the decisions see it. Implemented by StreamRepository over a database.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "streams/live_view.hpp"

namespace millrace::auth {

struct StreamSettings {
  std::string quality;
  std::uint32_t max_bitrate_kbps = 0;  // 0: no limit of its own
  std::string resolution;
};

// What is given is changed.
struct SettingsChange {
  std::optional<std::string> quality;
  std::optional<std::uint32_t> max_bitrate_kbps;
  std::optional<std::string> resolution;
};

struct StreamRecord {
  std::string stream_id;
  std::string subject;
  std::string key_lookup;  // KeyVault::lookup of its key
  std::string key_sealed;  // KeyVault::seal of its key
  StreamSettings settings;
  bool banned = false;
  bool is_private = false;
  bool barred = false;  // banned, or its account is switched off: nobody may watch
  Epoch epoch{};        // of its newest publication
  WallTime created_wall{};
  WallTime updated_wall{};
};

// Its publications up to this epoch were admitted by a rule that holds no longer.
struct RevokedStream {
  std::string stream_id;
  Epoch epoch{};
  bool for_good = false;  // banned, switched off or deleted: nobody is expected back
};

struct Admission {
  std::string stream_id;
  Epoch epoch{};
  StreamSettings settings;
  bool is_private = false;
  std::uint64_t play_tag = 0;  // not 0: only players with the same one may watch
};

struct Playable {
  std::string stream_id;
  std::string key_lookup;
};

// What a player names: an id or a key, and perhaps the key beside it.
struct PlayName {
  std::string name;
  std::string name_lookup;  // KeyVault::lookup of name
  std::string key_lookup;   // of the key beside it, else of name
};

// Each call is one transaction and blocks. Errors are those of store/database.hpp.
class StreamStore {
 public:
  virtual ~StreamStore() = default;

  // Makes epoch + 1 the stream's epoch, committed when this returns; nullopt when there is no such stream, it
  // is banned, or app is not one of its names. One statement for all these cases.
  virtual Result<std::optional<Admission>> admit_publication(const std::string& key_lookup,
                                                             const std::string& app) = 0;
  // What admit_publication would say, without a new epoch: the stream's id.
  virtual Result<std::optional<std::string>> find_publishable(const std::string& key_lookup,
                                                              const std::string& app) = 0;
  // The stream with this id or key that may be watched under app; a private one by its key only.
  virtual Result<std::optional<Playable>> find_playable(const PlayName& name, const std::string& app) = 0;
  // The subject's oldest stream, or candidate stored as its first one.
  virtual Result<StreamRecord> ensure(const StreamRecord& candidate) = 0;
  virtual Result<std::optional<StreamRecord>> find(const std::string& name,
                                                   const std::string& key_lookup) = 0;
  // Oldest first, at most kMaxListed; all subjects' when subject is empty.
  virtual Result<std::vector<StreamRecord>> list(const std::string& subject) = 0;
  // nullopt when there is no such stream. A ban and either privacy revoke what is published until then, as
  // does another key.
  virtual Result<std::optional<StreamRecord>> set_banned(const std::string& stream_id, bool banned) = 0;
  virtual Result<std::optional<StreamRecord>> set_private(const std::string& stream_id, bool is_private) = 0;
  // Those that are private and were ever published, the last changed first, at most limit.
  virtual Result<std::vector<std::string>> list_private(std::size_t limit) = 0;
  // Those that nobody may watch and that were ever published, also of accounts that are deleted; the last
  // changed first, at most limit.
  virtual Result<std::vector<std::string>> list_barred(std::size_t limit) = 0;
  // Those whose publications were revoked, also of accounts that are switched off or deleted; the last
  // changed first, at most limit.
  virtual Result<std::vector<RevokedStream>> list_revoked(std::size_t limit) = 0;
  // Those whose epoch is below that of their live publication, as an older copy of the database has it, get
  // that.
  virtual Result<void> raise_epochs(std::span<const LivePublication> live) = 0;
  // nullopt when there is no such stream.
  virtual Result<std::optional<StreamRecord>> update_settings(const std::string& stream_id,
                                                              const SettingsChange& change) = 0;
  // Gives the stream another key. nullopt when there is no such stream, or it is not subject's (empty:
  // anybody's).
  virtual Result<std::optional<StreamRecord>> replace_key(const std::string& stream_id,
                                                          const std::string& subject,
                                                          const std::string& key_lookup,
                                                          const std::string& key_sealed) = 0;

  static constexpr int kMaxListed = 1000;
};

}  // namespace millrace::auth
