// A list that is copied far more often than it changes: copies share their elements, a change makes others.
// Each copy is one thread's at a time.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace millrace::packaging {

template <class T>
class SharedList {
 public:
  SharedList() = default;
  SharedList(std::vector<T> elements)  // NOLINT(google-explicit-constructor): is a vector to who reads it
      : elements_(elements.empty() ? nullptr : std::make_shared<const std::vector<T>>(std::move(elements))) {}

  bool empty() const { return elements_ == nullptr; }
  std::size_t size() const { return get().size(); }
  auto begin() const { return get().begin(); }
  auto end() const { return get().end(); }
  const T& operator[](std::size_t index) const { return get()[index]; }
  const T& at(std::size_t index) const { return get().at(index); }
  const T& front() const { return get().front(); }
  const T& back() const { return get().back(); }

  void push_back(T element) {
    std::vector<T> changed;
    changed.reserve(size() + 1);
    changed.assign(begin(), end());
    changed.push_back(std::move(element));
    *this = std::move(changed);
  }
  // Precondition: not empty.
  void pop_back() { *this = std::vector<T>(begin(), end() - 1); }

  bool operator==(const SharedList& other) const {
    return elements_ == other.elements_ || get() == other.get();
  }

 private:
  const std::vector<T>& get() const {
    static const std::vector<T> none;
    return elements_ ? *elements_ : none;
  }

  std::shared_ptr<const std::vector<T>> elements_;  // nullptr: it is empty
};

}  // namespace millrace::packaging
