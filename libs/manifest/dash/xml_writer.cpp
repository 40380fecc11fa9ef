#include "manifest/dash/xml_writer.hpp"

namespace millrace::dash {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (byte >= 0x20 && byte != 0x7F) out.push_back(c);
    }
  }
}

XmlWriter::XmlWriter() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}

void XmlWriter::close_tag() {
  if (in_tag_) out_ += ">\n";
  in_tag_ = false;
}

void XmlWriter::begin(std::string_view name) {
  close_tag();
  out_.append(2 * open_.size(), ' ');
  out_.append("<").append(name);
  open_.push_back(name);
  in_tag_ = true;
}

void XmlWriter::attribute(std::string_view name, std::string_view value) {
  out_.append(" ").append(name).append("=\"");
  append_escaped(out_, value);
  out_ += '"';
}

void XmlWriter::attribute(std::string_view name, std::uint64_t value) {
  out_.append(" ").append(name).append("=\"").append(std::to_string(value)).append("\"");
}

void XmlWriter::text(std::string_view content) {
  if (in_tag_) out_ += '>';
  in_tag_ = false;
  has_text_ = true;
  append_escaped(out_, content);
}

void XmlWriter::end() {
  const std::string_view name = open_.back();
  open_.pop_back();
  if (in_tag_) {
    out_ += "/>\n";
  } else {
    if (!has_text_) out_.append(2 * open_.size(), ' ');
    out_.append("</").append(name).append(">\n");
  }
  in_tag_ = has_text_ = false;
}

}  // namespace millrace::dash
