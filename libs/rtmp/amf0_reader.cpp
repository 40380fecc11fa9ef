#include "rtmp/amf0.hpp"
#include "rtmp/amf0_markers.hpp"

namespace millrace::rtmp::amf0 {

namespace {
constexpr ErrorCode kCode = "rtmp.amf0";
}

Value::Value() = default;
Value::Value(Null value) : storage_(value) {}
Value::Value(bool value) : storage_(value) {}
Value::Value(double value) : storage_(value) {}
Value::Value(std::string value) : storage_(std::move(value)) {}
Value::Value(std::string_view value) : storage_(std::string(value)) {}
Value::Value(const char* value) : storage_(std::string(value)) {}
Value::Value(Object value) : storage_(std::move(value)) {}
Value::Value(StrictArray value) : storage_(std::move(value)) {}
Value::Value(Date value) : storage_(value) {}
Value::Value(Reference value) : storage_(value) {}

const Value* Object::find(std::string_view name) const {
  for (const Property& property : properties) {
    if (property.name == name) return &property.value;
  }
  return nullptr;
}

Result<Value> Reader::checked(Value value) const {
  if (!reader_.ok()) return fail(kCode, "a value is cut off");
  return value;
}

Result<Value> Reader::text(std::size_t size) {
  return checked(Value(as_text(reader_.take(size))));
}

Result<Value> Reader::value(unsigned depth) {
  if (depth > kMaxDepth) return fail(kCode, "values are nested too deep");
  if (++values_ > kMaxValues) return fail(kCode, "too many values");
  if (reader_.empty()) return fail(kCode, "a value is missing");
  switch (reader_.u8()) {
    case kNumberMarker:
      return checked(Value(reader_.f64()));
    case kBooleanMarker:
      return checked(Value(reader_.u8() != 0));
    case kStringMarker:
      return text(reader_.u16());
    case kObjectMarker:
      return object({}, depth);
    case kNullMarker:
      return Value(Null{});
    case kUndefinedMarker:
    case kUnsupportedMarker:
      return Value();
    case kReferenceMarker:
      return checked(Value(Reference{reader_.u16()}));
    case kEcmaArrayMarker:
      reader_.skip(4);  // the count is a hint; the end marker counts
      return object({Object::Kind::kEcmaArray, {}, {}}, depth);
    case kStrictArrayMarker:
      return strict_array(depth);
    case kDateMarker: {
      const double milliseconds = reader_.f64();
      reader_.skip(2);
      return checked(Value(Date{milliseconds}));
    }
    case kLongStringMarker:
    case kXmlDocumentMarker:
      return text(reader_.u32());
    case kTypedObjectMarker:
      return object({Object::Kind::kTyped, std::string(as_text(reader_.take(reader_.u16()))), {}}, depth);
    default:
      return fail(kCode, "unknown type marker");
  }
}

Result<Value> Reader::object(Object object, unsigned depth) {
  while (reader_.ok()) {
    const std::string_view name = as_text(reader_.take(reader_.u16()));
    if (name.empty() && !reader_.empty() && reader_.rest().front() == kObjectEndMarker) {
      reader_.skip(1);
      return checked(Value(std::move(object)));
    }
    if (!reader_.ok()) break;
    auto property = value(depth + 1);
    if (!property) return property;
    object.properties.push_back({std::string(name), std::move(*property)});
  }
  return fail(kCode, "an object is cut off");
}

Result<Value> Reader::strict_array(unsigned depth) {
  const std::uint32_t count = reader_.u32();
  // Every element takes a byte at least.
  if (!reader_.ok() || count > reader_.remaining()) return fail(kCode, "an array is cut off");
  StrictArray array;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto element = value(depth + 1);
    if (!element) return element;
    array.values.push_back(std::move(*element));
  }
  return Value(std::move(array));
}

Result<std::vector<Value>> parse(ByteView bytes) {
  Reader reader(bytes);
  std::vector<Value> values;
  while (!reader.empty()) {
    auto value = reader.read();
    if (!value) return tl::unexpected(value.error());
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace millrace::rtmp::amf0
