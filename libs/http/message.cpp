#include "http/message.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "http/content_coding.hpp"

namespace millrace::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

struct SizeOf {
  std::uint64_t operator()(const std::string& body) const { return body.size(); }
  std::uint64_t operator()(const std::shared_ptr<const std::string>& body) const {
    return body ? body->size() : 0;
  }
  std::uint64_t operator()(const std::shared_ptr<const CodedText>& body) const {
    return body ? body->plain.size() : 0;
  }
  std::uint64_t operator()(const FileRegion& body) const { return body.size; }
  std::uint64_t operator()(const FilePieces& body) const {
    std::uint64_t size = 0;
    for (const FilePieces::Piece& piece : body.pieces) size += piece.size;
    return size;
  }
  std::uint64_t operator()(const MappedRegions& body) const {
    std::uint64_t size = 0;
    for (const ByteView part : body.parts) size += part.size();
    return size;
  }
};

}  // namespace

void Fields::add(std::string_view name, std::string_view value) {
  entries_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

void Fields::set(std::string_view name, std::string_view value) {
  std::erase_if(entries_, [&](const Entry& entry) {
    return same_name(std::string_view(text_).substr(entry.offset, entry.name_size), name);
  });
  add(name, value);
}

std::pair<std::string_view, std::string_view> Fields::at(std::size_t index) const {
  const Entry& entry = entries_.at(index);
  const std::string_view text = text_;
  return {text.substr(entry.offset, entry.name_size),
          text.substr(entry.offset + entry.name_size, entry.value_size)};
}

std::string_view Fields::find(std::string_view name) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto [field, value] = at(i);
    if (same_name(field, name)) return value;
  }
  return {};
}

bool Fields::contains(std::string_view name) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (same_name(at(i).first, name)) return true;
  }
  return false;
}

std::string_view Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

FileHandle::~FileHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t body_size(const Body& body) {
  return std::visit(SizeOf{}, body);
}

Response Response::text(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

Response Response::problem(int status, std::string_view code, std::string_view detail) {
  const std::string_view words = detail.empty() ? explanation(status) : detail;
  const nlohmann::ordered_json document = {{"type", "urn:millrace:" + std::string(code)},
                                           {"title", reason_phrase(status)},
                                           {"status", status},
                                           {"detail", words},
                                           {"message", words}};
  Response response = text(status, "application/problem+json",
                           document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  response.headers.add("Cache-Control", "no-store");
  response.ranges = false;
  return response;
}

}  // namespace millrace::http
