#pragma once
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace coterie::queue {

/// What travels beside a job's payload, for whatever handles it on the way and not for its handler alone: a
/// trace's context, a tenant, a request's id. Names are 1 to 255 bytes; names and values are UTF-8 without
/// control characters. A map by name, of which most jobs have none: that costs them a null pointer.
class Headers {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  using value_type = Map::value_type;
  using const_iterator = Map::const_iterator;

  Headers() noexcept = default;
  Headers(std::initializer_list<value_type> all);
  Headers(const Headers& other) : map_(other.map_ ? std::make_unique<Map>(*other.map_) : nullptr) {}
  Headers(Headers&&) noexcept = default;
  Headers& operator=(const Headers& other) {
    if (this != &other) *this = Headers(other);
    return *this;
  }
  Headers& operator=(Headers&&) noexcept = default;
  ~Headers() = default;

  [[nodiscard]] bool empty() const noexcept { return map_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return map_ ? map_->size() : 0; }
  [[nodiscard]] const_iterator begin() const noexcept { return map().begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return map().end(); }
  [[nodiscard]] bool contains(std::string_view name) const { return map_ && map_->contains(name); }
  [[nodiscard]] std::size_t count(std::string_view name) const { return contains(name) ? 1 : 0; }
  [[nodiscard]] const_iterator find(std::string_view name) const { return map().find(name); }
  /// Throws std::out_of_range where there is none.
  [[nodiscard]] const std::string& at(const std::string& name) const { return map().at(name); }

  /// Adds an empty one where there is none.
  std::string& operator[](const std::string& name) { return need_map()[name]; }
  /// False where there was one, which stays.
  bool emplace(std::string_view name, std::string_view value) {
    return need_map().emplace(name, value).second;
  }
  /// How many there were: 0 or 1.
  std::size_t erase(const std::string& name) {
    const std::size_t erased = map_ ? map_->erase(name) : 0;
    if (erased != 0 && map_->empty()) map_.reset();
    return erased;
  }

  friend bool operator==(const Headers& one, const Headers& other) { return one.map() == other.map(); }

 private:
  [[nodiscard]] const Map& map() const noexcept { return map_ ? *map_ : none(); }
  static const Map& none() noexcept;
  Map& need_map() {
    if (!map_) map_ = std::make_unique<Map>();
    return *map_;
  }

  std::unique_ptr<Map> map_;  // never an empty map
};

}  // namespace coterie::queue
