// The keys of CURVE: our own pair and the list of peers that are let in. Files in one directory (BUS_KEYS):
//
//   ingest.secret   the secret key of a service, Z85; readable by its owner alone. All its instances
//                   have the same.
//   peers           a line for each key: a service's name (or "operator") and its public key, Z85; "#"
//                   begins a comment line. A name may have two keys, so that one can be replaced.
//
// Values and files; no socket, no thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace millrace::bus {

inline constexpr std::size_t kKeyText = 40;  // Z85 of 32 bytes
inline constexpr std::size_t kMaxPeerKeys = 1024;

struct KeyPair {
  std::string public_key;
  Secret secret_key;
};

struct PeerKey {
  std::string service;
  std::string public_key;
};

struct Keys {
  KeyPair own;
  std::vector<PeerKey> peers;

  // Whose key it is; nothing: a stranger's.
  std::optional<std::string> owner(std::string_view public_key) const;
  // In the file's order.
  std::vector<std::string> of(std::string_view service) const;
};

Result<KeyPair> make_key_pair();
// "bus.keys": a line that is none, too many of them, or "peers" is not there.
Result<std::vector<PeerKey>> parse_peer_keys(std::string_view text);
// A service's keys, or those of the operator where service is empty. "bus.keys" names the file and what
// is wrong.
Result<Keys> load_keys(const std::string& directory, std::string_view service);
// Makes a secret for each name that has none, or an empty one, and adds its public half to "peers". What is
// there stays. Comes back: the names that got one.
Result<std::vector<std::string>> make_keys(const std::string& directory,
                                           const std::vector<std::string>& names);

}  // namespace millrace::bus
