// Small texts and files that are handed out as they are, made once. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "http/content_coding.hpp"

namespace millrace::packaging {

// A text's codings, made when they are asked for first.
class LazyCodings {
 public:
  const std::shared_ptr<const http::CodedText>& get(const std::string& text) const {
    std::call_once(made_, [&] { coded_ = http::code_text(text); });
    return coded_;
  }

 private:
  mutable std::once_flag made_;
  mutable std::shared_ptr<const http::CodedText> coded_;
};

// In memory, with its strong entity tag.
struct StoredText {
  std::shared_ptr<const std::string> text;
  std::string etag;
  std::shared_ptr<const LazyCodings> codings{};  // nullptr: it is not worth compressing
};

StoredText store_text(std::string text);

// Made by who asks for it first; others wait for it. Not to be moved.
class LazyText {
 public:
  // make() -> std::string: the same whenever it is called.
  template <class Make>
  const StoredText& get(Make&& make) const {
    std::call_once(made_, [&] {
      text_ = store_text(make());
      text_.codings = std::make_shared<const LazyCodings>();
    });
    return text_;
  }

 private:
  mutable std::once_flag made_;
  mutable StoredText text_;
};

}  // namespace millrace::packaging
