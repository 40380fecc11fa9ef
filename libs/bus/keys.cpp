#include "bus/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/regular_file.hpp"

namespace millrace::bus {
namespace {

constexpr ErrorCode kCode = "bus.keys";
constexpr std::size_t kMaxFile = 256U << 10;

std::string describe(int error) {
  return std::generic_category().message(error);
}

bool is_key(const std::string& text) {
  std::array<std::uint8_t, 32> bytes{};
  return text.size() == kKeyText && zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 32 &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Who may read a secret has the key; who may write the list is let in.
Result<std::string> read_file(const std::string& path, bool secret) {
  const mode_t others = secret ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
  struct stat status {};
  const bool known = ::stat(path.c_str(), &status) == 0;
  if (known && status.st_uid != ::geteuid() && status.st_uid != 0)
    return fail(kCode, path + " (BUS_KEYS) must belong to the user of the service, or to root");
  if (known && (status.st_mode & others) != 0) {
    return fail(kCode, path + (secret ? " (BUS_KEYS) must be its owner's alone: chmod 600"
                                      : " (BUS_KEYS) must be for its owner alone to write: chmod 644"));
  }
  Result<std::string> text = read_regular_file(path, kMaxFile);
  if (!text) return fail(kCode, "cannot read " + path + " (BUS_KEYS): " + text.error().message);
  return text;
}

// Who may rename in the directory may replace the files, unless it is sticky.
Result<void> check_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};  // its files say it
  const bool open = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (open || (status.st_uid != ::geteuid() && status.st_uid != 0))
    return fail(kCode, path +
                           " (BUS_KEYS) must be for its owner alone to change, the user of the service or "
                           "root: chmod 700");
  return {};
}

Result<void> write_file(const std::string& path, int flags, mode_t mode, const std::string& text) {
  const File file(path, flags | O_CREAT, mode);
  const bool written = file.fd() >= 0 &&
                       ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file.fd()) == 0;
  if (!written) return fail(kCode, "cannot write " + path + ": " + describe(errno));
  return {};
}

// Whole or not at all: a secret that is there stays.
Result<void> write_secret(const std::string& path, const std::string& text) {
  const std::string whole = path + ".new";
  ::unlink(whole.c_str());  // of a tool that was killed; its mode would stay
  Result<void> written = write_file(whole, O_WRONLY | O_EXCL, 0600, text);
  if (written && ::rename(whole.c_str(), path.c_str()) != 0)
    written = fail(kCode, "cannot write " + path + ": " + describe(errno));
  if (!written) ::unlink(whole.c_str());
  return written;
}

// Behind what is there, on a line of its own: an editor may have left the last one without an end.
Result<void> append_line(const std::string& path, const std::string& line) {
  std::string before;
  {
    const File file(path, O_RDONLY);
    char last = '\n';
    const off_t size = file.fd() < 0 ? 0 : ::lseek(file.fd(), 0, SEEK_END);
    if (size > 0 && ::pread(file.fd(), &last, 1, size - 1) != 1)
      return fail(kCode, "cannot read " + path + ": " + describe(errno));
    if (last != '\n') before = "\n";
  }
  return write_file(path, O_WRONLY | O_APPEND, 0644, before + line + "\n");
}

// An empty one is none, as a tool leaves it that was killed.
bool has_secret(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return false;
  return !S_ISREG(status.st_mode) || status.st_size > 0;
}

// "keys/" is "keys": what is above it is made with other permissions.
std::string without_slash(const std::string& directory) {
  const std::filesystem::path path = std::filesystem::path(directory).lexically_normal();
  return path.has_filename() || !path.has_relative_path() ? path.string() : path.parent_path().string();
}

Result<KeyPair> pair_of(const std::string& path, std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  std::array<char, kKeyText + 1> public_key{};
  if (!is_key(text) || zmq_curve_public(public_key.data(), text.c_str()) != 0)
    return fail(kCode, path + " (BUS_KEYS) has no key of 40 characters");
  return KeyPair{public_key.data(), Secret(std::move(text))};
}

Result<std::vector<std::string>> make_keys_in(const std::string& directory,
                                              const std::vector<std::string>& names) {
  std::error_code ignored;  // mkdir says it
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(kCode, "cannot make " + directory + ": " + describe(errno));
  std::vector<std::string> made;
  for (const std::string& name : names) {
    if (!is_name(name)) return fail(kCode, "\"" + name + "\" is no service's name");
    const std::string path = (std::filesystem::path(directory) / name).string().append(".secret");
    if (has_secret(path)) continue;
    const Result<KeyPair> pair = make_key_pair();
    if (!pair) return tl::unexpected(pair.error());
    // The public half first: a secret that nobody lets in would stay so, as it is there already.
    Result<void> written = append_line(directory + "/peers", name + " " + pair->public_key);
    if (written) written = write_secret(path, pair->secret_key.reveal() + "\n");
    if (!written) return tl::unexpected(written.error());
    made.push_back(name);
  }
  return made;
}

}  // namespace

std::optional<std::string> Keys::owner(std::string_view public_key) const {
  const auto found = std::find_if(peers.begin(), peers.end(),
                                  [&](const PeerKey& peer) { return peer.public_key == public_key; });
  return found == peers.end() ? std::nullopt : std::optional(found->service);
}

std::vector<std::string> Keys::of(std::string_view service) const {
  std::vector<std::string> keys;
  for (const PeerKey& peer : peers) {
    if (peer.service == service) keys.push_back(peer.public_key);
  }
  return keys;
}

Result<KeyPair> make_key_pair() {
  std::array<char, kKeyText + 1> public_key{};
  std::array<char, kKeyText + 1> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    return fail(kCode, "this libzmq has no CURVE");
  return KeyPair{public_key.data(), Secret(secret_key.data())};
}

Result<std::vector<PeerKey>> parse_peer_keys(std::string_view text) {
  std::vector<PeerKey> keys;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    PeerKey key;
    std::string surplus;
    if (!(words >> key.service) || key.service.front() == '#') continue;
    if (!(words >> key.public_key) || (words >> surplus) || !is_name(key.service) ||
        !is_key(key.public_key)) {
      return fail(kCode, "peers (BUS_KEYS), line " + std::to_string(number) +
                             ": must be a service's name and its public key of 40 characters");
    }
    const bool taken = std::any_of(keys.begin(), keys.end(), [&](const PeerKey& other) {
      return other.public_key == key.public_key && other.service != key.service;
    });
    if (taken)
      return fail(kCode, "peers (BUS_KEYS), line " + std::to_string(number) + ": a key has one owner");
    if (keys.size() >= kMaxPeerKeys)
      return fail(kCode, "peers (BUS_KEYS) has more than " + std::to_string(kMaxPeerKeys) + " keys");
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<Keys> load_keys(const std::string& directory, std::string_view service) {
  const std::string name(service.empty() ? "operator" : service);
  const std::string path = directory + "/" + name + ".secret";
  if (Result<void> safe = check_directory(directory); !safe) return tl::unexpected(safe.error());
  Result<std::string> secret = read_file(path, true);
  if (!secret) return tl::unexpected(secret.error());
  if (secret->empty())
    return fail(kCode, path + " (BUS_KEYS) is empty: ./millrace keys makes a key in its place");
  Result<KeyPair> own = pair_of(path, *std::move(secret));
  if (!own) return tl::unexpected(own.error());
  const Result<std::string> list = read_file(directory + "/peers", false);
  if (!list) return tl::unexpected(list.error());
  Result<std::vector<PeerKey>> peers = parse_peer_keys(*list);
  if (!peers) return tl::unexpected(peers.error());
  Keys keys{*std::move(own), *std::move(peers)};
  // Nobody would let us in, or everybody would take us for another.
  if (keys.owner(keys.own.public_key) != name)
    return fail(kCode,
                directory + "/peers (BUS_KEYS) does not list the key of " + path + " as " + name + "'s");
  return keys;
}

Result<std::vector<std::string>> make_keys(const std::string& directory,
                                           const std::vector<std::string>& names) {
  return make_keys_in(without_slash(directory), names);
}

}  // namespace millrace::bus
