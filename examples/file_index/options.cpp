#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "index_file.hpp"

namespace file_index {
namespace {

[[noreturn]] void usage(const std::string& problem, std::FILE* out = stderr) {
  std::fprintf(
      out,
      "file_index: %s\n"
      "usage: file_index [DIR] [--broker URL] [-j N] [--workers N] [--dashboard] [--json] [--once]\n"
      "  DIR           the folder to index; default: this one\n"
      "  --broker URL  sqlite://PATH, redis://HOST or memory://; default: file_index.db beside the program\n"
      "  -j N          jobs in hand at a time; default 64\n"
      "  --workers N   so many processes, from 1 to 64; default 1\n"
      "  --dashboard   show the run in a browser too, at 127.0.0.1, while it runs\n"
      "  --json        the summary as one line of JSON instead of the table\n"
      "  --once        index once and exit, which is the default\n",
      problem.c_str());
  std::exit(out == stdout ? 0 : 2);
}

std::uint32_t number(std::string_view option, std::string_view text, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most)
    usage(std::string(option) + " " + std::string(text) + ": a number from 1 to " + std::to_string(most));
  return value;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  bool have_folder = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&]() -> std::string_view {
      return ++i < argc ? argv[i] : (usage(std::string(word) + " needs a value"), "");
    };
    if (word == "--broker") {
      options.broker = value();
    } else if (word == "--join") {
      options.join = value();
    } else if (word == "-j") {
      options.jobs = number(word, value(), 10000);
    } else if (word == "--workers") {
      options.workers = number(word, value(), 64);
    } else if (word == "--dashboard") {
      options.dashboard = true;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "-h" || word == "--help") {
      usage("indexes a folder through a durable queue", stdout);
    } else if (word.starts_with("-") && word != "--once") {
      usage("unknown option " + std::string(word));
    } else if (word != "--once") {
      if (std::exchange(have_folder, true)) usage("one folder at a time");
      options.folder = word;
    }
  }
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(options.folder, error);
  if (error || !std::filesystem::is_directory(folder, error))
    usage("no folder " + encode_path(options.folder));
  options.folder = folder.native();
  if (options.workers > 1 && options.broker.starts_with("memory:"))
    usage("--workers " + std::to_string(options.workers) + " with memory://: that lives in one process");
  if (options.broker.empty())
    options.broker =
        "sqlite://" +
        std::filesystem::read_symlink("/proc/self/exe").replace_filename("file_index.db").native();
  constexpr std::string_view file = "sqlite://";
  if (options.broker.starts_with(file)) {
    const std::string_view path = std::string_view(options.broker).substr(file.size());
    options.database = std::filesystem::weakly_canonical(path.substr(0, path.find('?')), error).native();
  }
  return options;
}

}  // namespace file_index
