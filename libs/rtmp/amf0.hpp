// AMF0, the encoding of RTMP commands and metadata (Adobe AMF 0 specification, 2007). Reader and writer are
// total: depth, number of values and text lengths are bounded, and nothing is allocated on the word of a
// count field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::rtmp::amf0 {

inline constexpr unsigned kMaxDepth = 32;
// Values in one message, each property and array element counted: "rtmp.amf0" beyond it.
inline constexpr std::size_t kMaxValues = 16'384;

struct Property;
class Value;

struct Undefined {
  bool operator==(const Undefined&) const = default;
};
struct Null {
  bool operator==(const Null&) const = default;
};
// Milliseconds since 1970 UTC; the zone is reserved and not kept.
struct Date {
  double milliseconds = 0;
  bool operator==(const Date&) const = default;
};
// Index of an object sent before. Kept as it is and never followed, so that cycles can't exist.
struct Reference {
  std::uint16_t index = 0;
  bool operator==(const Reference&) const = default;
};
struct Object {
  enum class Kind : std::uint8_t { kAnonymous, kEcmaArray, kTyped };
  Kind kind = Kind::kAnonymous;
  std::string class_name;  // kTyped only
  std::vector<Property> properties;

  // The first property of that name, or null.
  const Value* find(std::string_view name) const;
};
struct StrictArray {
  std::vector<Value> values;
};

class Value {
 public:
  using Storage =
      std::variant<Undefined, Null, bool, double, std::string, Object, StrictArray, Date, Reference>;

  Value();
  // Values are written as literals, hence no explicit.
  Value(Null value);
  Value(bool value);
  Value(double value);
  Value(std::string value);
  Value(std::string_view value);
  Value(const char* value);
  Value(Object value);
  Value(StrictArray value);
  Value(Date value);
  Value(Reference value);

  template <class T>
  const T* as() const {
    return std::get_if<T>(&storage_);
  }
  const Storage& storage() const { return storage_; }

 private:
  Storage storage_;
};

struct Property {
  std::string name;
  Value value;
};

// Reads one value from the front; XML documents come out as strings, "unsupported" as Undefined.
// "rtmp.amf0": cut off, an unknown or reserved marker (AVM+ too), or beyond a bound.
class Reader {
 public:
  explicit Reader(ByteView bytes) : reader_(bytes) {}

  Result<Value> read() { return value(0); }
  bool empty() const { return reader_.empty(); }
  std::size_t remaining() const { return reader_.remaining(); }

 private:
  Result<Value> value(unsigned depth);
  Result<Value> object(Object object, unsigned depth);
  Result<Value> strict_array(unsigned depth);
  Result<Value> text(std::size_t size);
  Result<Value> checked(Value value) const;

  ByteReader reader_;
  std::size_t values_ = 0;
};

// All values of a message body.
Result<std::vector<Value>> parse(ByteView bytes);

// Appends a value. Names longer than 65535 bytes are cut there.
void serialize(const Value& value, ByteWriter& out);

}  // namespace millrace::rtmp::amf0
