#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

/// How contexts are kept. The public side is coterie/context.hpp.
///
///     TaskRec, callback, thread: a ContextSlot, one word
///        null                             nothing is set
///        ──▶ values                       its own: set() puts other values in its place
///        ──▶ ContextBox ──▶ values        a Context that others run in too: set() changes the box
///
/// Values are immutable and shared, so that a copy, which every spawn is, copies a pointer.
namespace coterie::detail {

/// Counted from any thread: a call that was sent to a pool takes its caller's values along.
template <class T>
class ContextCounted {
 public:
  ContextCounted() = default;
  ContextCounted(const ContextCounted&) = delete;
  ContextCounted& operator=(const ContextCounted&) = delete;
  void add_ref() const noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete static_cast<const T*>(this);
  }

 protected:
  ~ContextCounted() = default;

 private:
  mutable std::atomic<std::uint32_t> refs_{1};
};

/// The values of context variables, by a handle that may be null: none.
class ContextMap {
 public:
  using Value = std::shared_ptr<const void>;

  constexpr ContextMap() noexcept = default;
  ContextMap(const ContextMap& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->add_ref();
  }
  ContextMap(ContextMap&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  ContextMap& operator=(ContextMap other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~ContextMap() {
    if (node_ != nullptr) node_->release();
  }

  /// Null when it is not set.
  [[nodiscard]] const Value* find(std::uint64_t variable) const noexcept;
  /// Others, with `variable` set to `value`; a null value takes it out.
  [[nodiscard]] ContextMap with(std::uint64_t variable, Value value) const;
  [[nodiscard]] std::size_t size() const noexcept { return node_ == nullptr ? 0 : node_->entries.size(); }

 private:
  friend class ContextSlot;
  struct Node : ContextCounted<Node> {
    struct Entry {
      std::uint64_t variable;
      Value value;
    };
    std::vector<Entry> entries;  // few: a program has a handful of such variables
  };
  explicit ContextMap(const Node* node) noexcept : node_(node) {}
  const Node* node_ = nullptr;
};

/// What a Context refers to.
class ContextBox : public ContextCounted<ContextBox> {
 public:
  ContextBox() = default;
  explicit ContextBox(ContextMap values) : values_(std::move(values)) {}
  [[nodiscard]] const ContextMap& values() const noexcept { return values_; }
  void set_values(ContextMap values) noexcept { values_ = std::move(values); }

 private:
  ContextMap values_;
};

/// The context of a task, a callback or a thread. Copying one gives another that refers to the same.
class ContextSlot {
 public:
  constexpr ContextSlot() noexcept = default;
  explicit ContextSlot(const ContextMap& values) noexcept;
  explicit ContextSlot(ContextBox& shared) noexcept;
  ContextSlot(const ContextSlot& other) noexcept : word_(other.word_) {
    if (word_ != 0) add_ref();
  }
  ContextSlot(ContextSlot&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  ContextSlot& operator=(ContextSlot other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~ContextSlot() {
    if (word_ != 0) release();
  }

  /// The slot that the calling code runs in: of a ContextScope (a callback, Context::run()), of the task
  /// that runs on this thread, or else of the thread.
  [[nodiscard]] static ContextSlot& current() noexcept;
  /// A context of its own with the values of the current one: for a new task or callback.
  [[nodiscard]] static ContextSlot capture() noexcept {
    const ContextSlot& from = current();
    return from.word_ == 0 ? ContextSlot() : ContextSlot(from.values());
  }

  [[nodiscard]] ContextMap values() const noexcept;
  void set_values(ContextMap values) noexcept;
  /// A shared context was given; the other way to be non-empty is to have values.
  [[nodiscard]] bool empty() const noexcept { return word_ == 0; }
  /// Tells contexts apart, as long as they live.
  [[nodiscard]] const void* identity() const noexcept;

 private:
  static constexpr std::uintptr_t shared_tag = 1;
  [[nodiscard]] bool shared() const noexcept { return (word_ & shared_tag) != 0; }
  [[nodiscard]] ContextBox& box() const noexcept {
    return *reinterpret_cast<ContextBox*>(word_ & ~shared_tag);
  }
  [[nodiscard]] const ContextMap::Node& node() const noexcept {
    return *reinterpret_cast<const ContextMap::Node*>(word_);
  }
  void add_ref() const noexcept;
  void release() const noexcept;

  std::uintptr_t word_ = 0;
};
static_assert(sizeof(ContextSlot) == sizeof(void*));

/// While it lives, what runs where it was made runs in `slot`. A task that is started eagerly meanwhile runs
/// in its own.
class ContextScope {
 public:
  explicit ContextScope(ContextSlot& slot) noexcept;
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  ~ContextScope();

 private:
  friend class ContextSlot;
  ContextSlot* slot_;
  const ContextSlot* instead_of_;
  ContextScope* outer_;
};

}  // namespace coterie::detail
