#pragma once
#include <memory>
#include <optional>

#include "src/cli/top/keys.hpp"
#include "src/cli/top/render.hpp"

namespace coterie::cli::top {

/// The terminal that standard input and output are, for as long as it lives: the whole screen, keys as they
/// are pressed, no echo. Put back as it was by the destructor. One at a time; ncurses is behind it.
class Terminal {
 public:
  /// UsageError where there is no terminal, or one of a kind that nobody knows.
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  /// How large it is now, and whether it shows more than ASCII.
  [[nodiscard]] Look look() const;
  void draw(const Screen& screen);
  /// A key that was pressed; nothing: none waits. Never blocks.
  [[nodiscard]] std::optional<Key> key();
  /// Its size has changed (SIGWINCH).
  void resized();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The width for text that goes to no terminal: COLUMNS, or 100.
[[nodiscard]] std::size_t width_without_terminal();

}  // namespace coterie::cli::top
