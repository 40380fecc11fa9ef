// A map of at most so many entries. What is put into a full one takes the place of the entry that was put or
// touched longest ago; looking at an entry does not count. For what is only remembered and
// may be forgotten.
//
//   BoundedMap<std::string, Bucket> buckets(4096);
//   if (Bucket* known = buckets.find(name)) buckets.touch(name);
//   else buckets.put(name, Bucket{});
//
// Pointers to values are good until the entry is erased or gives way. One owner, one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace millrace {

template <class Key, class Value>
class BoundedMap {
 public:
  // max is at least 1.
  explicit BoundedMap(std::size_t max) : max_(max) {}
  BoundedMap(const BoundedMap&) = delete;
  BoundedMap& operator=(const BoundedMap&) = delete;

  // What look-ups take: strings are not copied for them.
  using Name = std::conditional_t<std::is_same_v<Key, std::string>, std::string_view, Key>;

  Value* find(Name key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }
  const Value* find(Name key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }
  bool contains(Name key) const { return find(key) != nullptr; }

  // Adds the entry or replaces its value; it is the newest now.
  Value& put(Name key, Value value) {
    if (const auto known = entries_.find(key); known != entries_.end()) {
      renew(known->second);
      return known->second.value = std::move(value);
    }
    if (entries_.size() >= max_) erase(*oldest_first_.front());
    const auto added = entries_.try_emplace(Key(key), Entry{std::move(value), {}}).first;
    added->second.place = oldest_first_.insert(oldest_first_.end(), &added->first);
    return added->second.value;
  }
  // Makes it the newest; nothing where there is none.
  void touch(Name key) {
    if (const auto known = entries_.find(key); known != entries_.end()) renew(known->second);
  }
  // False: there was none.
  bool erase(Name key) {
    const auto known = entries_.find(key);
    if (known == entries_.end()) return false;
    oldest_first_.erase(known->second.place);
    entries_.erase(known);
    return true;
  }

  // matches(key, value)
  template <class Matches>
  void erase_if(Matches matches) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const bool gone = matches(std::as_const(entry->first), std::as_const(entry->second.value));
      if (gone) oldest_first_.erase(entry->second.place);
      entry = gone ? entries_.erase(entry) : std::next(entry);
    }
  }
  void clear() {
    oldest_first_.clear();
    entries_.clear();
  }
  std::size_t size() const { return entries_.size(); }

 private:
  using Order = std::list<const Key*>;  // of keys in the map, which stay where they are
  struct Entry {
    Value value;
    typename Order::iterator place;
  };
  struct Hash : std::hash<Name> {
    using is_transparent = void;
  };

  void renew(Entry& entry) { oldest_first_.splice(oldest_first_.end(), oldest_first_, entry.place); }

  std::size_t max_;
  std::unordered_map<Key, Entry, Hash, std::equal_to<>> entries_;
  Order oldest_first_;
};

}  // namespace millrace
