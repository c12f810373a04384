#include "src/cli/top/terminal.hpp"

#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli::top {
namespace {

constexpr short no_colour = -1;

/// As text is written to it, by what a tone is.
struct Style {
  attr_t attributes = A_NORMAL;
  short colour = no_colour;
};
Style style_of(Tone tone, bool colours) {
  switch (tone) {
    case Tone::plain:
      return {A_NORMAL, no_colour};
    case Tone::faint:
      return {A_DIM, no_colour};
    case Tone::strong:
      return {A_BOLD, no_colour};
    case Tone::good:
      return colours ? Style{A_NORMAL, COLOR_GREEN} : Style{A_NORMAL, no_colour};
    case Tone::warn:
      return colours ? Style{A_NORMAL, COLOR_YELLOW} : Style{A_BOLD, no_colour};
    case Tone::bad:
      return colours ? Style{A_BOLD, COLOR_RED} : Style{A_BOLD | A_UNDERLINE, no_colour};
    case Tone::chosen:
      return {A_REVERSE, no_colour};
  }
  return {};
}

/// The rest of a character whose first byte was read.
std::size_t more_bytes(int lead) {
  if (lead >= 0xF0) return 3;
  if (lead >= 0xE0) return 2;
  return lead >= 0xC0 ? 1 : 0;
}

std::optional<Key> special(int code) {
  using Kind = Key::Kind;
  constexpr std::array<std::pair<int, Kind>, 13> keys{{{KEY_UP, Kind::up},
                                                       {KEY_DOWN, Kind::down},
                                                       {KEY_PPAGE, Kind::page_up},
                                                       {KEY_NPAGE, Kind::page_down},
                                                       {KEY_HOME, Kind::home},
                                                       {KEY_END, Kind::end},
                                                       {KEY_ENTER, Kind::enter},
                                                       {'\n', Kind::enter},
                                                       {'\r', Kind::enter},
                                                       {'\t', Kind::tab},
                                                       {KEY_BTAB, Kind::back_tab},
                                                       {KEY_BACKSPACE, Kind::backspace},
                                                       {0x7F, Kind::backspace}}};
  if (code == 0x1B) return Key{Kind::escape, ""};
  if (code == 0x08) return Key{Kind::backspace, ""};
  for (const auto& [of, kind] : keys)
    if (of == code) return Key{kind, ""};
  return std::nullopt;
}

}  // namespace

struct Terminal::Impl {
  SCREEN* screen = nullptr;
  bool colours = false;
  bool utf8 = false;
};

Terminal::Terminal() : impl_(std::make_unique<Impl>()) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    throw UsageError(
        "top needs a terminal; `coterie top --once` prints the screen, --json says the same to programs");
  std::setlocale(LC_CTYPE, "");  // not how numbers are written: brokers and JSON have points in them
  impl_->utf8 = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  impl_->screen = newterm(nullptr, stdout, stdin);
  if (impl_->screen == nullptr) {
    const char* kind = std::getenv("TERM");
    throw UsageError(std::string("the terminal '") + (kind == nullptr ? "" : kind) +
                     "' is of no kind that is known here: set TERM, for example to xterm or vt100");
  }
  set_escdelay(25);
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  curs_set(0);
  const char* no_color = std::getenv("NO_COLOR");
  impl_->colours = (no_color == nullptr || *no_color == '\0') && has_colors();
  if (impl_->colours) {
    start_color();
    use_default_colors();
    for (const int colour : {COLOR_GREEN, COLOR_YELLOW, COLOR_RED})
      init_pair(static_cast<short>(colour + 1), static_cast<short>(colour), -1);
  }
}

Terminal::~Terminal() {
  endwin();
  delscreen(impl_->screen);
}

Look Terminal::look() const {
  Look look;
  look.width = static_cast<std::size_t>(std::max(COLS, 1));
  look.height = static_cast<std::size_t>(std::max(LINES, 1));
  look.utf8 = impl_->utf8;
  return look;
}

void Terminal::draw(const Screen& screen) {
  erase();
  for (std::size_t i = 0; i < screen.size(); ++i) {
    ::move(static_cast<int>(i), 0);
    clrtoeol();  // of a line before it that the terminal makes wider than we do
    for (const Span& span : screen[i].spans()) {
      const Style style = style_of(span.tone, impl_->colours);
      attr_set(style.attributes, static_cast<short>(style.colour == no_colour ? 0 : style.colour + 1),
               nullptr);
      const std::string text = impl_->utf8 ? span.text : only_ascii(span.text);
      addnstr(text.data(), static_cast<int>(text.size()));
    }
  }
  attr_set(A_NORMAL, 0, nullptr);
  refresh();
}

std::optional<Key> Terminal::key() {
  for (;;) {
    const int code = getch();
    if (code == ERR) return std::nullopt;
    if (std::optional<Key> known = special(code)) return known;
    if (code < 0x20 || code > 0xFF) continue;  // a key that means nothing here
    Key key;
    key.text.push_back(static_cast<char>(code));
    for (std::size_t left = more_bytes(code); left > 0; --left) {
      const int next = getch();
      if (next == ERR) break;
      key.text.push_back(static_cast<char>(next));
    }
    return key;
  }
}

void Terminal::resized() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  resizeterm(size.ws_row, size.ws_col);
  clearok(stdscr, TRUE);
}

std::size_t width_without_terminal() {
  const char* columns = std::getenv("COLUMNS");
  const long wide = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
  return wide >= 20 && wide <= 1000 ? static_cast<std::size_t>(wide) : 100;
}

}  // namespace coterie::cli::top
