#include "http/content_coding.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>

namespace millrace::http {
namespace {

constexpr int kLevel = 6;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: with a gzip header
constexpr int kMemory = 8;
constexpr int kWhole = 1000;  // a weight of 1
constexpr std::string_view kSpace = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// qvalue of RFC 9110 section 12.4.2, in thousandths.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * kWhole;
  int digit_value = kWhole / 10;
  for (const char digit : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    weight += (digit - '0') * digit_value;
    digit_value /= 10;
  }
  return weight <= kWhole ? std::optional(weight) : std::nullopt;
}

struct Coding {
  std::string_view name;
  int weight = kWhole;
};

std::optional<Coding> parse_coding(std::string_view member) {
  const std::size_t semicolon = member.find(';');
  Coding coding{trim(member.substr(0, semicolon))};
  if (coding.name.empty()) return std::nullopt;
  if (semicolon == std::string_view::npos) return coding;
  const std::string_view parameter = trim(member.substr(semicolon + 1));
  if (parameter.size() < 2 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') return std::nullopt;
  const std::optional<int> weight = parse_weight(parameter.substr(2));
  if (!weight) return std::nullopt;
  coding.weight = *weight;
  return coding;
}

}  // namespace

std::string gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  // zlib reads through a pointer to non-const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

std::shared_ptr<const CodedText> code_text(std::string plain) {
  CodedText coded;
  coded.gzip = gzip(plain);
  if (coded.gzip.size() >= plain.size()) coded.gzip.clear();
  coded.gzip.shrink_to_fit();
  coded.plain = std::move(plain);
  return std::make_shared<const CodedText>(std::move(coded));
}

bool prefers_gzip(std::optional<std::string_view> accept_encoding) {
  if (!accept_encoding) return false;
  std::optional<int> compressed, identity, others;
  for (std::string_view rest = *accept_encoding; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    if (const std::optional<Coding> coding = parse_coding(rest.substr(0, comma))) {
      // x-gzip is the same (section 8.4.1.3).
      if (equals_ignoring_case(coding->name, "gzip") || equals_ignoring_case(coding->name, "x-gzip"))
        compressed = coding->weight;
      else if (equals_ignoring_case(coding->name, "identity"))
        identity = coding->weight;
      else if (coding->name == "*")
        others = coding->weight;
    }
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  const int gzip_weight = compressed.value_or(others.value_or(0));
  // Not named: acceptable, and wanted least.
  const int plain_weight = identity.value_or(0);
  return gzip_weight > 0 && gzip_weight >= plain_weight;
}

void choose_coding(Response& response, std::optional<std::string_view> accept_encoding) {
  const auto* const body = std::get_if<std::shared_ptr<const CodedText>>(&response.body);
  if (body == nullptr) return;
  const std::shared_ptr<const CodedText> text = *body;
  response.headers.add("Vary", "Accept-Encoding");
  if (!text) {
    response.body = std::string();
  } else if (text->gzip.empty() || !prefers_gzip(accept_encoding)) {
    response.body = std::shared_ptr<const std::string>(text, &text->plain);
  } else {
    response.body = std::shared_ptr<const std::string>(text, &text->gzip);
    response.headers.set("Content-Encoding", "gzip");
    response.ranges = false;
    std::string etag(response.headers.find("ETag"));
    if (etag.starts_with('"')) response.headers.set("ETag", etag.insert(etag.size() - 1, "-gzip"));
  }
}

}  // namespace millrace::http
