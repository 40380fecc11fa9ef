#include "rtmp/amf0_json.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.hpp"

namespace millrace::rtmp::amf0 {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(std::size_t most) : most_(most) {}

  bool write(const Value& value, unsigned depth) {
    if (depth > kMaxJsonDepth) return false;
    return std::visit([&](const auto& held) { return write(held, depth); }, value.storage()) &&
           out_.size() <= most_;
  }
  std::string take() { return std::move(out_); }

 private:
  bool write(const Undefined&, unsigned) { return null(); }
  bool write(const Null&, unsigned) { return null(); }
  bool write(const Reference&, unsigned) { return null(); }
  bool write(const Date& date, unsigned depth) { return write(date.milliseconds, depth); }
  bool write(bool value, unsigned) {
    out_ += value ? "true" : "false";
    return true;
  }
  bool write(double value, unsigned) {
    if (!std::isfinite(value)) return null();
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return null();
    out_.append(text.data(), end);
    return true;
  }
  bool write(const std::string& text, unsigned) {
    if (text.size() > most_ || !is_valid_utf8(text)) return false;
    out_ += '"';
    for (const char c : text) append(c);
    out_ += '"';
    return true;
  }
  bool write(const Object& object, unsigned depth) {
    out_ += '{';
    for (const Property& property : object.properties) {
      if (&property != &object.properties.front()) out_ += ',';
      if (!write(property.name, depth)) return false;
      out_ += ':';
      if (!write(property.value, depth + 1)) return false;
    }
    out_ += '}';
    return true;
  }
  bool write(const StrictArray& array, unsigned depth) {
    out_ += '[';
    for (const Value& value : array.values) {
      if (&value != &array.values.front()) out_ += ',';
      if (!write(value, depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  bool null() {
    out_ += "null";
    return true;
  }
  void append(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < 0x20) {
      static constexpr char kDigits[] = "0123456789abcdef";
      out_ += "\\u00";
      out_ += kDigits[byte >> 4];
      out_ += kDigits[byte & 15];
    } else {
      out_ += c;
    }
  }

  const std::size_t most_;
  std::string out_;
};

}  // namespace

std::optional<std::string> to_json(const Value& value, std::size_t most) {
  JsonWriter writer(most);
  if (!writer.write(value, 0)) return std::nullopt;
  return writer.take();
}

}  // namespace millrace::rtmp::amf0
