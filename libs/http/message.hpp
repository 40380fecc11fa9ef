// Requests and responses as handlers see them: plain values, no Beast. Semantics of RFC 9110, syntax of RFC
// 9112.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

namespace millrace::http {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// Header fields in the order they came; names are compared without regard to case. One allocation for all
// text.
class Fields {
 public:
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  // The first value; empty when there is none.
  std::string_view find(std::string_view name) const;
  bool contains(std::string_view name) const;
  std::size_t size() const { return entries_.size(); }
  std::pair<std::string_view, std::string_view> at(std::size_t index) const;

 private:
  struct Entry {
    std::uint32_t offset, name_size, value_size;
  };
  std::string text_;
  std::vector<Entry> entries_;
};

struct Request {
  Method method = Method::kGet;
  std::string method_name;  // as sent, at most 32 bytes
  // Percent-decoded exactly once and checked: starts with '/', valid UTF-8, no control character, no
  // backslash, no encoded slash, no empty, "." or ".." segment ("..;" neither). Anything else never reaches a
  // handler (400). "*" for OPTIONS *.
  std::string path;
  // Decoded parameters in order; at most 64. raw_query is what stood behind the '?'.
  std::vector<std::pair<std::string, std::string>> query;
  std::string raw_query;
  Fields headers;
  std::string body;  // at most Limits::body_bytes
  // Without the port: of the TCP peer, or of its client when it is a trusted proxy (trusted_proxies.hpp).
  std::string peer_address;

  // First query parameter of that name; empty when there is none.
  std::string_view parameter(std::string_view name) const;
};

// An open file. Closes it when the last owner goes.
class FileHandle {
 public:
  explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
  ~FileHandle();
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// size bytes of a file from offset on, sent with sendfile. A file that shrinks meanwhile closes the
// connection.
struct FileRegion {
  std::shared_ptr<const FileHandle> file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Pieces of files and of a text in this order, as if they were one file.
struct FilePieces {
  struct Piece {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::shared_ptr<const FileHandle> file{};  // nullptr: of text
  };
  std::string text;
  std::vector<Piece> pieces;
};

// Bytes in a mapping (the media log) and in memory, sent from where they are, in pieces. owner keeps them
// mapped. After each piece has gone to the kernel, intact() says whether what it read was still the right
// bytes (block generations); when it turns false the connection is closed short of Content-Length, never
// completed with wrong bytes. intact() runs on the server's thread, must be quick, and may be empty (always
// intact).
struct MappedRegions {
  std::vector<ByteView> parts;
  std::shared_ptr<const void> owner;
  std::function<bool()> intact;
};

class LiveStream;
struct CodedText;

// Of a CodedText (content_coding.hpp) the server sends the coding that the client prefers.
using Body = std::variant<std::string, std::shared_ptr<const std::string>, FileRegion, MappedRegions,
                          std::shared_ptr<const CodedText>, FilePieces>;
// Of a CodedText that of the plain text.
std::uint64_t body_size(const Body& body);

// The server adds Content-Length, Date, Connection, Accept-Ranges, Content-Range and what belongs to a
// coding; leaves out the body for HEAD, 204 and 304; and for GET and HEAD with status 200 answers
// If-None-Match from the ETag field (304), Range and If-Range (206, 416): handlers always give the whole
// representation. Field values with CR, LF or NUL are dropped.
struct Response {
  int status = 200;
  Fields headers;
  Body body;
  bool ranges = true;  // false: Range is ignored
  bool close = false;  // close the connection afterwards
  // Set: the header is followed by what this gives until it ends, in chunks (HTTP/1.0: up to the
  // connection's end), and the body is ignored. Status 200; or 101, which makes the connection a
  // WebSocket (websocket.hpp).
  std::shared_ptr<LiveStream> live;

  static Response text(int status, std::string_view content_type, std::string body);
  // application/problem+json of RFC 9457: type "urn:millrace:<code>", title, status, detail (without one, the
  // status's explanation), and the same text as "message", which the documented APIs of older servers have.
  static Response problem(int status, std::string_view code, std::string_view detail = {});
};

// The standard phrase ("Not Found").
std::string_view reason_phrase(int status);
// What it means to a client, as a sentence ("There is nothing at this address."); never empty.
std::string_view explanation(int status);

}  // namespace millrace::http
