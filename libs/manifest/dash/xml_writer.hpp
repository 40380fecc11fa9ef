// XML text (1.0, UTF-8), element by element. Values are escaped here; names are the caller's constants. One
// thread.
//
//   XmlWriter xml;
//   {
//     XmlElement period(xml, "Period");
//     period.attribute("id", "7");
//     XmlElement set(xml, "AdaptationSet");
//   }
//   std::string text = xml.take();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::dash {

// Appends text as an attribute's value or an element's content may have it. What XML has no form for (control
// characters, 0xFFFE and the like in UTF-8 are the caller's not to send) is left out.
void append_escaped(std::string& out, std::string_view text);

class XmlWriter {
 public:
  XmlWriter();

  void begin(std::string_view name);
  // Of the element begun last, before its content.
  void attribute(std::string_view name, std::string_view value);
  void attribute(std::string_view name, std::uint64_t value);
  void text(std::string_view content);
  void end();
  // Precondition: what was begun has ended.
  std::string take() { return std::move(out_); }

 private:
  void close_tag();

  std::string out_;
  std::vector<std::string_view> open_;
  bool in_tag_ = false;  // the last start tag still takes attributes
  bool has_text_ = false;
};

// An element for as long as it lives.
class XmlElement {
 public:
  // xml and what name points to outlive this.
  XmlElement(XmlWriter& xml, std::string_view name) : xml_(xml) { xml_.begin(name); }
  ~XmlElement() { xml_.end(); }
  XmlElement(const XmlElement&) = delete;
  XmlElement& operator=(const XmlElement&) = delete;

  template <class Value>
  void attribute(std::string_view name, const Value& value) {
    xml_.attribute(name, value);
  }

 private:
  XmlWriter& xml_;
};

}  // namespace millrace::dash
