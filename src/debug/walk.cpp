#include "src/debug/walk.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <unordered_map>
#include <unordered_set>

#include "coterie/core/stamp.hpp"
#include "src/core/debug_block.hpp"

namespace coterie::debug {
namespace {

using Address = std::uint64_t;
using coterie::detail::DebugBlock;

/// What is read is not what it should be; the task or loop ends here.
struct Unreadable {
  std::string what;
};

TimePoint steady_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec));
}

class Walker {
 public:
  Walker(Memory& memory, const DebugBlock& block, const WalkLimits& limits)
      : memory_(memory), at_(block), limits_(limits), now_(steady_now()) {}

  std::vector<LoopSnapshot> loops(Address only) {
    std::vector<LoopSnapshot> found;
    std::unordered_set<Address> met;
    Address loop = reinterpret_cast<std::uintptr_t>(at_.first_loop);
    while (loop != 0 && found.size() < limits_.loops && met.insert(loop).second) {
      const auto next = memory_.get<Address>(loop + at_.loop_next);
      if (only == 0 || only == loop) found.push_back(loop_at(loop));
      if (!next) break;
      loop = *next;
    }
    return found;
  }

 private:
  template <class T = Address>
  T get(Address address, const char* what) {
    if (const auto value = memory_.get<T>(address)) return *value;
    throw Unreadable{std::string(what) + " at " + hex(address) + " cannot be read"};
  }
  static std::string hex(Address address) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
    return text;
  }

  LoopSnapshot loop_at(Address loop) {
    LoopSnapshot seen;
    seen.synchronised = false;
    ids_.clear();
    try {
      seen.thread = get<std::int32_t>(loop + at_.loop_thread, "a loop");
      list_tasks(loop, seen);
    } catch (const Unreadable& error) {
      seen.problem = error.what;
    }
    connect(seen);
    return seen;
  }

  void list_tasks(Address loop, LoopSnapshot& seen) {
    Address task = get(loop + at_.loop_first_task, "a loop's list of tasks");
    while (task != 0) {
      if (seen.tasks.size() == limits_.tasks) throw Unreadable{"there are more tasks than are listed"};
      // The list changes while it is read: what was met before begins a circle.
      if (!ids_.try_emplace(task, seen.tasks.size()).second) throw Unreadable{"the list of tasks is torn"};
      const Address next = get(task + at_.task_registry_next, "a task");
      seen.tasks.push_back(task_at(task, seen.problem));
      task = next;
    }
  }

  TaskSnapshot task_at(Address task, std::string& problem) {
    TaskSnapshot seen;
    objects_.push_back(0);
    try {
      read_task(task, seen);
    } catch (const Unreadable& error) {
      if (problem.empty()) problem = "task #" + std::to_string(seen.id) + ": " + error.what;
    }
    return seen;
  }

  void read_task(Address task, TaskSnapshot& seen) {
    seen.id = get(task + at_.task_id, "a task");
    seen.name = "Task-" + std::to_string(seen.id);
    seen.parent_id = get(task + at_.task_parent_id, "a task");
    seen.cancel_requests = get<std::uint16_t>(task + at_.task_cancel_requests, "a task");
    seen.polls = get<std::uint32_t>(task + at_.task_polls, "a task");
    if (at_.born_shift == Stamp::shift)
      seen.age = Stamp(get<std::uint32_t>(task + at_.task_born, "a task")).age(now_);
    seen.sched_class = get<SchedClass>(task + at_.task_own_class, "a task");
    const bool ended = get<std::uint8_t>(task + at_.task_ended, "a task") != 0;
    const bool cancelled = get<std::uint8_t>(task + at_.task_ended_cancelled, "a task") != 0;
    seen.ready = get(task + at_.task_queue_next, "a task") != 0;
    const Address leaf = get(task + at_.task_waiting_on, "a task");
    seen.runs = !ended && !seen.ready && leaf == 0;
    seen.state = ended && cancelled         ? TaskState::cancelled
                 : ended                    ? TaskState::finished
                 : seen.cancel_requests > 0 ? TaskState::cancelling
                 : seen.runs                ? TaskState::running
                                            : TaskState::pending;
    seen.spawned_at = place_at(get(task + at_.task_spawned_at, "a task"));
    if (const Address notes = get(task + at_.task_notes, "a task"); notes != 0) read_notes(notes, seen);
    if (leaf != 0 && !seen.ready) read_wait(leaf, seen);
    if (!ended) read_stack(get(task + at_.task_top, "a task"), seen.stack);
  }

  void read_notes(Address notes, TaskSnapshot& seen) {
    const Address text = notes + at_.notes_name;
    const auto size = get(text + at_.string_size, "a name");
    if (size > 0) seen.name = bytes_at(get(text + at_.string_data, "a name"), size);
    const auto cancelled = get<std::int64_t>(notes + at_.notes_cancelled_at, "a task's notes");
    const TimePoint at{Duration(cancelled)};
    if (cancelled <= 0 || at > now_) return;
    seen.cancelled_by = get(notes + at_.notes_cancelled_by, "a task's notes");
    seen.cancelled_ago = now_ - at;
  }

  void read_wait(Address leaf, TaskSnapshot& seen) {
    const auto kind = get<std::uint8_t>(leaf + at_.leaf_kind, "what a task waits for");
    const Address object = get(leaf + at_.leaf_object, "what a task waits for");
    // Whatever stands there: a value that no kind has is shown as unknown.
    constexpr std::uint8_t unknown = 63;
    seen.wait.kind = static_cast<WaitKind>(std::min(kind, unknown));
    seen.wait.object = reinterpret_cast<const void*>(object);  // NOLINT(performance-no-int-to-ptr): a name
    if (kind == at_.kind_task || kind == at_.kind_shield) objects_.back() = object;
    if (object == 0 || kind >= 64) return;
    const std::uint64_t bit = std::uint64_t{1} << kind;
    if ((at_.kinds_primitive & bit) != 0) {
      seen.held_by = get(object + at_.primitive_holder_id, "a primitive");
      if (const Address name = get(object + at_.primitive_name, "a primitive"); name != 0)
        seen.wait_name = terminated_at(name);
      if (kind == at_.kind_condition) read_lock(get(object + at_.condition_lock, "a condition"), seen);
    } else if ((at_.kinds_timer & bit) != 0) {
      if (const auto due = get<std::int64_t>(object, "a timer"); due > 0)
        seen.due_in = TimePoint(Duration(due)) - now_;
    } else if ((at_.kinds_descriptor & bit) != 0) {
      seen.descriptor = get<std::int32_t>(object, "a descriptor");
    }
  }

  void read_lock(Address lock, TaskSnapshot& seen) {
    ItsLock& its = seen.lock.emplace();
    its.object = reinterpret_cast<const void*>(lock);  // NOLINT(performance-no-int-to-ptr): a name
    its.held_by = get(lock + at_.primitive_holder_id, "a condition's lock");
    if (const Address name = get(lock + at_.primitive_name, "a condition's lock"); name != 0)
      its.name = terminated_at(name);
  }

  void read_stack(Address top, Stack& stack) {
    std::unordered_set<Address> met;
    const auto met_before = [&](Address frame) {
      if (!met.insert(frame).second) return true;
      if (met.size() > limits_.frames || ++all_frames_ > limits_.all_frames)
        throw Unreadable{"its stack is longer than what is read"};
      return false;
    };
    Address frame = top;
    bool all = true;
    for (;;) {  // inwards, from the one that the loop resumed
      if (frame == 0) return;
      if (met.size() + 1 >= limits_.frames) {
        all = false;
        break;
      }
      if (met_before(frame)) throw Unreadable{"its stack is torn"};
      const Address slot = get(frame + at_.frame_child, "a frame") & ~Address{1};
      const Address child = slot != 0 ? get(slot, "an awaiter") : 0;
      if (child == 0) break;
      frame = child;
    }
    met.clear();
    while (frame != 0) {
      if (met_before(frame)) throw Unreadable{"its stack is torn"};
      const Address caller = get(frame + at_.frame_caller, "a frame");
      const std::uint64_t kind = (caller & at_.frame_kind_mask) >> at_.frame_kind_shift;
      if (kind != at_.frame_wrapper) stack.push_back(frame_at(frame, kind));
      frame = (caller & at_.frame_root_tag) != 0 ? 0 : caller & ~at_.frame_tags;
    }
    if (!all) throw Unreadable{"its stack is longer than what is read: this is the outer part"};
  }

  StackFrame frame_at(Address frame, std::uint64_t kind) {
    const Address where = get(frame + at_.frame_awaiting, "a frame");
    const Place place = place_at(where);
    std::string function;
    if (where != 0) function = name_at(get(where + at_.location_function, "a line"));
    return StackFrame(
        function, place.file, place.line,
        kind == at_.frame_generator ? StackFrame::Kind::generator : StackFrame::Kind::coroutine);
  }

  Place place_at(Address where) {
    Place place;
    if (where == 0) return place;
    place.file = text_at(get(where + at_.location_file, "a line"));
    place.line = get<std::uint32_t>(where + at_.location_line, "a line");
    return place;
  }

  /// Constants: many frames stand at few lines.
  const std::string& text_at(Address address) {
    const auto [text, is_new] = texts_.try_emplace(address);
    if (is_new) text->second = terminated_at(address);
    return text->second;
  }
  const std::string& name_at(Address address) {
    const auto [name, is_new] = names_.try_emplace(address);
    if (is_new) name->second = function_name(text_at(address));
    return name->second;
  }

  std::string bytes_at(Address address, std::uint64_t size) {
    std::string text(std::min<std::uint64_t>(size, limits_.text), '\0');
    if (!memory_.read(address, text.data(), text.size())) throw Unreadable{"a name cannot be read"};
    return text;
  }

  /// Up to its zero. In pieces that do not cross a page, behind which there may be nothing.
  std::string terminated_at(Address address) {
    constexpr Address page = 4096;
    std::string text;
    while (text.size() < limits_.text) {
      char piece[256];
      const std::size_t size = std::min<Address>(sizeof piece, page - address % page);
      if (!memory_.read(address, piece, size)) throw Unreadable{"a text cannot be read"};
      const std::size_t length = ::strnlen(piece, size);
      text.append(piece, length);
      if (length < size) return text;
      address += size;
    }
    return text;
  }

  void connect(LoopSnapshot& loop) {
    objects_.resize(loop.tasks.size());
    for (std::size_t i = 0; i < loop.tasks.size(); ++i) {
      const auto awaited = ids_.find(objects_[i]);
      if (objects_[i] == 0 || awaited == ids_.end() || awaited->second >= loop.tasks.size()) continue;
      loop.tasks[i].waits_for.push_back(loop.tasks[awaited->second].id);
      loop.tasks[awaited->second].awaited_by.push_back(loop.tasks[i].id);
    }
    objects_.clear();
  }

  Memory& memory_;
  const DebugBlock& at_;
  const WalkLimits& limits_;
  TimePoint now_;
  std::size_t all_frames_ = 0;
  std::unordered_map<Address, std::size_t> ids_;  // tasks of the loop that is read, as indices
  std::vector<Address> objects_;                  // the tasks that those wait for
  std::unordered_map<Address, std::string> texts_;
  std::unordered_map<Address, std::string> names_;
};

}  // namespace

std::vector<LoopSnapshot> walk(Memory& memory, std::uint64_t block, std::string& problem, std::uint64_t only,
                               const WalkLimits& limits) {
  const auto head = memory.get<DebugBlock>(block);
  if (!head || std::memcmp(head->magic, coterie::detail::debug_magic, sizeof head->magic) != 0) {
    problem = "there is no debug block of Coterie";
    return {};
  }
  if (head->version != coterie::detail::debug_version || head->size < sizeof(DebugBlock) ||
      head->frame_kind_shift >= 64) {
    problem = "its debug block has version " + std::to_string(head->version) + ", and this program reads " +
              std::to_string(coterie::detail::debug_version);
    return {};
  }
  return Walker(memory, *head, limits).loops(only);
}

}  // namespace coterie::debug
