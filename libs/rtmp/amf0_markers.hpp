// Type markers (AMF 0, 2.1). Private to the reader and the writer.
#pragma once

#include <cstdint>

namespace millrace::rtmp::amf0 {

enum Marker : std::uint8_t {
  kNumberMarker = 0x00,
  kBooleanMarker = 0x01,
  kStringMarker = 0x02,
  kObjectMarker = 0x03,
  kNullMarker = 0x05,
  kUndefinedMarker = 0x06,
  kReferenceMarker = 0x07,
  kEcmaArrayMarker = 0x08,
  kObjectEndMarker = 0x09,
  kStrictArrayMarker = 0x0A,
  kDateMarker = 0x0B,
  kLongStringMarker = 0x0C,
  kUnsupportedMarker = 0x0D,
  kXmlDocumentMarker = 0x0F,
  kTypedObjectMarker = 0x10,
};

}  // namespace millrace::rtmp::amf0
