// Small texts and files that are handed out as they are, made once. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

namespace millrace::packaging {

// In memory, with its strong entity tag.
struct StoredText {
  std::shared_ptr<const std::string> text;
  std::string etag;
};

StoredText store_text(std::string text);

// Made by who asks for it first; others wait for it. Not to be moved.
class LazyText {
 public:
  // make() -> std::string: the same whenever it is called.
  template <class Make>
  const StoredText& get(Make&& make) const {
    std::call_once(made_, [&] { text_ = store_text(make()); });
    return text_;
  }

 private:
  mutable std::once_flag made_;
  mutable StoredText text_;
};

}  // namespace millrace::packaging
