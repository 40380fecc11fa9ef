#include "rtmp/amf0.hpp"
#include "rtmp/amf0_markers.hpp"

namespace millrace::rtmp::amf0 {

namespace {

constexpr std::size_t kMaxShortText = 0xFFFF;

void write_name(std::string_view name, ByteWriter& out) {
  name = name.substr(0, kMaxShortText);
  out.u16(static_cast<std::uint16_t>(name.size()));
  out.text(name);
}

struct Serializer {
  ByteWriter& out;

  void operator()(const Undefined&) const { out.u8(kUndefinedMarker); }
  void operator()(const Null&) const { out.u8(kNullMarker); }
  void operator()(bool value) const {
    out.u8(kBooleanMarker);
    out.u8(value ? 1 : 0);
  }
  void operator()(double value) const {
    out.u8(kNumberMarker);
    out.f64(value);
  }
  void operator()(const std::string& value) const {
    if (value.size() > kMaxShortText) {
      out.u8(kLongStringMarker);
      out.u32(static_cast<std::uint32_t>(value.size()));
      out.text(value);
    } else {
      out.u8(kStringMarker);
      write_name(value, out);
    }
  }
  void operator()(const Object& object) const {
    switch (object.kind) {
      case Object::Kind::kAnonymous:
        out.u8(kObjectMarker);
        break;
      case Object::Kind::kEcmaArray:
        out.u8(kEcmaArrayMarker);
        out.u32(static_cast<std::uint32_t>(object.properties.size()));
        break;
      case Object::Kind::kTyped:
        out.u8(kTypedObjectMarker);
        write_name(object.class_name, out);
        break;
    }
    for (const Property& property : object.properties) {
      write_name(property.name, out);
      serialize(property.value, out);
    }
    write_name({}, out);
    out.u8(kObjectEndMarker);
  }
  void operator()(const StrictArray& array) const {
    out.u8(kStrictArrayMarker);
    out.u32(static_cast<std::uint32_t>(array.values.size()));
    for (const Value& value : array.values) serialize(value, out);
  }
  void operator()(const Date& date) const {
    out.u8(kDateMarker);
    out.f64(date.milliseconds);
    out.u16(0);
  }
  void operator()(const Reference& reference) const {
    out.u8(kReferenceMarker);
    out.u16(reference.index);
  }
};

}  // namespace

void serialize(const Value& value, ByteWriter& out) {
  std::visit(Serializer{out}, value.storage());
}

}  // namespace millrace::rtmp::amf0
