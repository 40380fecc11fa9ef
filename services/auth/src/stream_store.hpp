// What auth keeps about streams, as the decisions see it. Implemented by StreamRepository over a database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace millrace::auth {

struct StreamSettings {
  std::string quality;
  std::uint32_t max_bitrate_kbps = 0;  // 0: no limit of its own
  std::string resolution;
};

struct StreamRecord {
  std::string stream_id;
  std::string subject;
  std::string key_lookup;  // KeyVault::lookup of its key
  std::string key_sealed;  // KeyVault::seal of its key
  StreamSettings settings;
  bool banned = false;
  std::int64_t created_wall_us = 0;
  std::int64_t updated_wall_us = 0;
};

struct Admission {
  std::string stream_id;
  std::uint64_t epoch = 0;
  StreamSettings settings;
};

// Each call is one transaction and blocks. Errors are those of store/database.hpp.
class StreamStore {
 public:
  virtual ~StreamStore() = default;

  // Makes epoch + 1 the stream's epoch, committed when this returns; nullopt when there is no such stream, it
  // is banned, or app is not one of its names. One statement for all these cases.
  virtual Result<std::optional<Admission>> admit_publication(const std::string& key_lookup,
                                                             const std::string& app) = 0;
  // The id of the stream with this id or key that may be watched under app.
  virtual Result<std::optional<std::string>> find_playable(const std::string& name,
                                                           const std::string& key_lookup,
                                                           const std::string& app) = 0;
  // The subject's oldest stream, or candidate stored as its first one.
  virtual Result<StreamRecord> ensure(const StreamRecord& candidate) = 0;
  virtual Result<std::optional<StreamRecord>> find(const std::string& name,
                                                   const std::string& key_lookup) = 0;
  // Oldest first, at most kMaxListed; all subjects' when subject is empty.
  virtual Result<std::vector<StreamRecord>> list(const std::string& subject) = 0;
  // False when there is no such stream.
  virtual Result<bool> set_banned(const std::string& stream_id, bool banned) = 0;

  static constexpr int kMaxListed = 1000;
};

}  // namespace millrace::auth
