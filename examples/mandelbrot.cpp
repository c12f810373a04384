// The Mandelbrot set, a row a task, on one loop and on as many as there are cores, by each way of placing
// tasks:
//
//   mandelbrot [--loops N] [--width N] [--out FILE.pgm]
//
// Rows differ: those through the middle of the set take a hundred times as long as those at its edge. The
// table shows what that makes of each placement.
#include <atomic>
#include <charconv>
#include <chrono>
#include <complex>
#include <coterie/coterie.hpp>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace coterie;

struct Settings {
  std::size_t loops = usable_cores();
  std::size_t width = 1200;
  std::string out;
};

/// One row at a time is written by one task, and all are read when those have ended.
class Picture {
 public:
  explicit Picture(std::size_t width) : width_(width), height_(width * 2 / 3), grey_(width_ * height_) {}
  [[nodiscard]] std::size_t rows() const noexcept { return height_; }
  void draw(std::size_t row) {
    for (std::size_t column = 0; column < width_; ++column)
      grey_[row * width_ + column] =
          shade({-2.25 + 3.0 * static_cast<double>(column) / static_cast<double>(width_),
                 -1.0 + 2.0 * static_cast<double>(row) / static_cast<double>(height_)});
  }
  void write(const std::string& name) const {
    std::ofstream file(name, std::ios::binary);
    file << "P5\n" << width_ << ' ' << height_ << "\n255\n";
    file.write(reinterpret_cast<const char*>(grey_.data()), static_cast<std::streamsize>(grey_.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + name);
  }
  friend bool operator==(const Picture&, const Picture&) = default;

 private:
  static std::uint8_t shade(std::complex<double> point) {
    constexpr int most = 1000;
    double x = 0;
    double y = 0;
    for (int i = 0; i < most; ++i) {
      const double next = x * x - y * y + point.real();
      y = 2 * x * y + point.imag();
      x = next;
      if (x * x + y * y > 4) return static_cast<std::uint8_t>(255 - i % 256);
    }
    return 0;
  }
  std::size_t width_;
  std::size_t height_;
  std::vector<std::uint8_t> grey_;
};

Task<void> draw_row(Picture& picture, std::size_t row) {
  picture.draw(row);
  co_return;
}

/// Where a row goes; by number, as some of them want a key.
using Place = std::function<RemoteHandle<void>(Runtime&, Picture&, std::size_t)>;

/// Sends the next row when one of its own has ended: with a few of these, each loop has something to do and
/// something in line, and what is placed knows how the rows before have gone.
Task<void> send_rows(Runtime& runtime, Picture& picture, std::atomic<std::size_t>& next, const Place& place) {
  for (std::size_t row = next++; row < picture.rows(); row = next++) {
    auto drawn = place(runtime, picture, row);
    co_await drawn;
  }
}

/// The same on a loop of the Runtime, which keeps to itself what it takes.
Task<void> keep_rows(Runtime& runtime, Picture& picture, std::atomic<std::size_t>& next) {
  for (std::size_t row = next++; row < picture.rows(); row = next++) {
    auto drawn = runtime.spawn(Placement::here(), draw_row, std::ref(picture), row);
    co_await drawn;
  }
}

Task<void> draw_by(Runtime& runtime, Picture& picture, std::atomic<std::size_t>& next, const Place& place) {
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    for (std::size_t i = 0; i < 3 * runtime.size(); ++i)
      group.spawn(send_rows, std::ref(runtime), std::ref(picture), std::ref(next), std::cref(place));
    co_return;
  });
}

Task<void> draw_here(Runtime& runtime, Picture& picture, std::atomic<std::size_t>& next) {
  std::vector<RemoteHandle<void>> keepers;
  for (std::size_t i = 0; i < runtime.size(); ++i)
    keepers.push_back(runtime.spawn(Placement::least_loaded(), keep_rows, std::ref(runtime),
                                    std::ref(picture), std::ref(next)));
  for (const RemoteHandle<void>& keeper : keepers) co_await keeper;
}

/// How long the loop has run steps.
double busy_seconds(const EventLoop& loop) {
  Duration sum{};
  for (const ClassTimes& its : loop.class_times()) sum += its.runtime;
  return std::chrono::duration<double>(sum).count();
}

struct Row {
  const char* placement;
  std::function<Task<void>(Runtime&, Picture&, std::atomic<std::size_t>&)> draw;
};

std::vector<Row> placements() {
  const auto by = [](Place place) {
    return [place](Runtime& runtime, Picture& picture, std::atomic<std::size_t>& next) {
      return draw_by(runtime, picture, next, place);
    };
  };
  return {
      {"in turn", by([](Runtime& runtime, Picture& picture, std::size_t row) {
         return spawn_on(runtime.next_loop(), draw_row, std::ref(picture), row);
       })},
      {"by key", by([](Runtime& runtime, Picture& picture, std::size_t row) {
         return runtime.spawn(Placement::by_key(row), draw_row, std::ref(picture), row);
       })},
      {"least loaded", by([](Runtime& runtime, Picture& picture, std::size_t row) {
         return runtime.spawn(Placement::least_loaded(), draw_row, std::ref(picture), row);
       })},
      {"here", draw_here},
  };
}

/// Draws the picture on so many loops, prints the line of the table, and gives the time.
double measure(const Settings& settings, std::size_t loops, const Row& row, double one_loop,
               Picture& picture) {
  RuntimeOptions options;
  options.loops = loops;
  options.loop.class_times = true;
  Runtime runtime(options);
  std::atomic<std::size_t> next{0};
  const auto begun = Clock::now();
  run(row.draw(runtime, picture, next));
  const double took = std::chrono::duration<double>(Clock::now() - begun).count();
  double least = busy_seconds(runtime.loop(0));
  double most = least;
  for (std::size_t i = 1; i < loops; ++i) {
    least = std::min(least, busy_seconds(runtime.loop(i)));
    most = std::max(most, busy_seconds(runtime.loop(i)));
  }
  std::printf("%5zu  %-14s %8.0f %9.2f %11.0f to %.0f %%\n", loops, row.placement,
              static_cast<double>(picture.rows()) / took, one_loop > 0 ? one_loop / took : 1,
              100 * least / took, 100 * most / took);
  std::fflush(stdout);
  if (!settings.out.empty()) picture.write(settings.out);
  return took;
}

Settings read(int count, char** words) {
  Settings settings;
  const auto number = [](std::string_view word, std::size_t from, std::size_t to) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < from || value > to)
      throw std::invalid_argument("'" + std::string(word) + "' is no number from " + std::to_string(from) +
                                  " to " + std::to_string(to));
    return value;
  };
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    const std::string_view value = i + 1 < count ? words[i + 1] : "";
    if (name == "--loops" && !value.empty())
      settings.loops = number(value, 1, 256);
    else if (name == "--width" && !value.empty())
      settings.width = number(value, 3, 20'000);
    else if (name == "--out" && !value.empty())
      settings.out = value;
    else
      throw std::invalid_argument("usage: mandelbrot [--loops N] [--width N] [--out FILE.pgm]");
  }
  return settings;
}

}  // namespace

int main(int count, char** words) try {
  const Settings settings = read(count, words);
  Picture first(settings.width);
  std::printf("%zu rows of %zu points\nloops  placement        rows/s  speed-up  busy loops, least to most\n",
              first.rows(), settings.width);
  const std::vector<Row> rows = placements();
  const double one_loop = measure(settings, 1, rows.front(), 0, first);
  for (const Row& row : rows) {
    if (settings.loops == 1) break;
    Picture picture(settings.width);
    measure(settings, settings.loops, row, one_loop, picture);
    if (picture != first) throw std::logic_error("the picture is another one: some row was not drawn");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "mandelbrot: %s\n", error.what());
  return 1;
}
