// Minimal AMF0 encoder/decoder: just what an RTMP client needs.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace amf0 {

class Writer {
 public:
  Writer& str(std::string_view s) {
    b_ += '\x02';
    return raw(s);
  }
  Writer& num(double v) {
    b_ += '\0';
    auto u = std::bit_cast<uint64_t>(v);
    for (int i = 7; i >= 0; --i) b_ += char(u >> (8 * i));
    return *this;
  }
  Writer& boolean(bool v) {
    b_ += '\x01';
    b_ += char(v);
    return *this;
  }
  Writer& null() {
    b_ += '\x05';
    return *this;
  }
  Writer& obj() {
    b_ += '\x03';
    return *this;
  }
  Writer& key(std::string_view k) { return raw(k); }
  Writer& end() {
    b_.append("\0\0\x09", 3);
    return *this;
  }
  const std::string& bytes() const { return b_; }

 private:
  Writer& raw(std::string_view s) {
    b_ += char(s.size() >> 8);
    b_ += char(s.size());
    b_ += s;
    return *this;
  }
  std::string b_;
};

class Reader {
 public:
  Reader(const uint8_t* p, size_t n) : p_(p), e_(p + n) {}
  bool string(std::string_view& out) {
    if (!need(3) || *p_ != 2) return false;
    ++p_;
    return rawString(out);
  }
  bool number(double& out) {
    if (!need(9) || *p_ != 0) return false;
    uint64_t u = 0;
    for (int i = 1; i <= 8; ++i) u = u << 8 | p_[i];
    out = std::bit_cast<double>(u);
    p_ += 9;
    return true;
  }
  // Skips one value; when it is an object, `wanted` (a string property) is looked for in it.
  bool skip(std::string_view wanted = {}, std::string_view* found = nullptr, int depth = 0) {
    if (depth > 16 || !need(1)) return false;
    const uint8_t t = *p_++;
    std::string_view s;
    switch (t) {
      case 0:
        return adv(8);
      case 1:
        return adv(1);
      case 2:
        return rawString(s);
      case 3:
        return props(wanted, found, depth);
      case 5:
      case 6:
        return true;
      case 7:
        return adv(2);
      case 8:
        return adv(4) && props(wanted, found, depth);
      case 10: {
        if (!need(4)) return false;
        uint32_t n = uint32_t(p_[0]) << 24 | p_[1] << 16 | p_[2] << 8 | p_[3];
        p_ += 4;
        while (n--)
          if (!skip({}, nullptr, depth + 1)) return false;
        return true;
      }
      case 11:
        return adv(10);
      case 12: {
        if (!need(4)) return false;
        uint32_t n = uint32_t(p_[0]) << 24 | p_[1] << 16 | p_[2] << 8 | p_[3];
        p_ += 4;
        return adv(n);
      }
      default:
        return false;
    }
  }
  bool atEnd() const { return p_ >= e_; }

 private:
  bool need(size_t n) const { return size_t(e_ - p_) >= n; }
  bool adv(size_t n) {
    if (!need(n)) return false;
    p_ += n;
    return true;
  }
  bool rawString(std::string_view& out) {
    if (!need(2)) return false;
    size_t n = size_t(p_[0]) << 8 | p_[1];
    p_ += 2;
    if (!need(n)) return false;
    out = {reinterpret_cast<const char*>(p_), n};
    p_ += n;
    return true;
  }
  bool props(std::string_view wanted, std::string_view* found, int depth) {
    for (;;) {
      std::string_view k;
      if (!rawString(k)) return false;
      if (k.empty() && need(1) && *p_ == 9) {
        ++p_;
        return true;
      }
      if (found && k == wanted && need(1) && *p_ == 2) {
        if (!string(*found)) return false;
      } else if (!skip({}, nullptr, depth + 1)) {
        return false;
      }
    }
  }
  const uint8_t* p_;
  const uint8_t* e_;
};

}  // namespace amf0
