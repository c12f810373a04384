// Where exceptions come from. A thrown object has no room for a note, so the note is kept beside it, under
// its address, for exactly as long as it lives: its destructor, which the C++ runtime calls through a pointer
// in front of the object, is replaced by one that also drops the note.
#include "coterie/core/thrown_in.hpp"

#include <cxxabi.h>
#include <unwind.h>

#include <cstring>
#include <mutex>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coterie/cancel.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/task.hpp"

namespace coterie {
namespace {

constexpr std::size_t most_frames = 64;

/// What stands in front of a thrown object: `__cxa_exception` of the Itanium C++ ABI, which gcc and clang
/// share.
struct ThrownHeader {
  const std::type_info* type;
  void (*destroy)(void*);  // null: the object needs none
  void (*unexpected_handler)();
  void (*terminate_handler)();
  void* next_caught;
  int handler_count;
  int handler_switch;
  const unsigned char* action;
  const unsigned char* language_data;
  void* landing_pad;
  void* adjusted;
  _Unwind_Exception unwind;
};

struct Note {
  void (*destroy)(void*) = nullptr;  // the object's own
  std::uint64_t task = 0;
  std::string name;
  std::vector<std::source_location> chain;
};

struct Notes {
  std::mutex mutex;
  std::unordered_map<void*, Note> of;
};
/// Exceptions may outlive every static object.
Notes& notes() {
  static Notes& all = *new Notes;
  return all;
}

/// The runtime calls this where the object dies.
void forget(void* object) {
  void (*destroy)(void*) = nullptr;
  {
    Notes& all = notes();
    const std::lock_guard lock(all.mutex);
    const auto found = all.of.find(object);
    if (found != all.of.end()) {
      destroy = found->second.destroy;
      all.of.erase(found);
    }
  }
  if (destroy != nullptr) destroy(object);
}

void* object_of(const std::exception_ptr& error) noexcept {
  void* object = nullptr;
  static_assert(sizeof error == sizeof object);
  std::memcpy(&object, static_cast<const void*>(&error), sizeof object);
  return object;
}

/// Null where it is not what is described above: another language's, another runtime's.
ThrownHeader* header_of(const std::exception_ptr& error) noexcept {
#if defined(__GLIBCXX__) && defined(__LP64__)
  static_assert(sizeof(ThrownHeader) == 112);
  if (!error) return nullptr;
  auto* header = static_cast<ThrownHeader*>(object_of(error)) - 1;
  constexpr char ours[8] = {'G', 'N', 'U', 'C', 'C', '+', '+', '\0'};
  std::uint64_t wanted = 0;
  for (const char c : ours) wanted = wanted << 8 | static_cast<unsigned char>(c);
  if (header->unwind.exception_class != wanted || header->type != error.__cxa_exception_type())
    return nullptr;
  return header;
#else
  (void)error;
  return nullptr;
#endif
}

Note note_from(const Frame& left) {
  Note note;
  const Frame* outermost = &left;
  for (const Frame* frame = &left; frame != nullptr; frame = frame->caller()) {
    outermost = frame;
    if (note.chain.size() < most_frames && frame->kind() != FrameKind::wrapper)
      note.chain.push_back(frame->awaiting());
  }
  if (const TaskRec* task = outermost->root_of()) {
    note.task = task->id();
    note.name = task->name();
  }
  return note;
}

[[gnu::noinline]] void note_thrown(const Frame& left) noexcept try {
  const std::exception_ptr error = std::current_exception();
  ThrownHeader* header = header_of(error);
  if (header == nullptr || header->destroy == &forget) return;  // it was noted further in
  Note note = note_from(left);
  Notes& all = notes();
  const std::lock_guard lock(all.mutex);
  if (header->destroy == &forget) return;  // by another thread
  note.destroy = header->destroy;
  all.of.insert_or_assign(object_of(error), std::move(note));
  header->destroy = &forget;
} catch (const std::exception&) {  // no memory: it goes without
  return;
}

}  // namespace

bool detail::leave_by_exception(const Frame& left) noexcept {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const bool cancelled = type != nullptr && *type == typeid(Cancelled);
  if (!cancelled) note_thrown(left);
  return cancelled;
}

std::optional<ThrownIn> thrown_in(const std::exception_ptr& error) {
  const ThrownHeader* header = header_of(error);
  if (header == nullptr) return std::nullopt;
  Notes& all = notes();
  const std::lock_guard lock(all.mutex);
  const auto found = all.of.find(object_of(error));
  if (found == all.of.end()) return std::nullopt;
  ThrownIn thrown;
  thrown.task = found->second.task;
  thrown.name = found->second.name;
  for (const std::source_location& where : found->second.chain)
    thrown.stack.emplace_back(where, StackFrame::Kind::coroutine);
  return thrown;
}

std::string ThrownIn::str() const {
  std::string text;
  for (const StackFrame& frame : stack) {
    const std::string_view file = frame.file;
    text += "\n   at " + frame.function + "() " + std::string(file.substr(file.rfind('/') + 1)) + ":" +
            std::to_string(frame.line);
  }
  return text;
}

}  // namespace coterie
