#include "dashboard.hpp"

#include <filesystem>
#include <system_error>

#include "coterie/await_outcome.hpp"
#include "coterie/dashboard/dashboard.hpp"

namespace file_index {

using namespace coterie;
using queue::LogLevel;

Task<void> show_dashboard(std::shared_ptr<queue::Broker> broker, std::shared_ptr<Progress> progress) {
  if (!dashboard::has_pages()) {
    progress->log(LogLevel::info, "no dashboard: its pages are not in this build, for npm was not there");
    co_return;
  }
  dashboard::DashboardOptions options;
  options.listening = [&progress](const std::string& url) {
    progress->log(LogLevel::info, "watch it at " + url + " while it runs");
  };
  for (const std::uint16_t port : {dashboard::default_port, std::uint16_t{0}}) {
    options.port = port;
    Task<void> serving = dashboard::serve(broker, options);
    Outcome<void> end = co_await outcome(std::move(serving));
    if (end.cancelled()) end.get();
    try {
      end.get();
    } catch (const std::system_error& taken) {
      if (port == 0) progress->log(LogLevel::warning, std::string("no dashboard: ") + taken.what());
    }
  }
}

std::string how_to_look_again(const std::string& broker) {
  if (broker.starts_with("memory:")) return {};
  // Beside this program, where the whole tree was built.
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::filesystem::path built = here.parent_path() / "bin" / "coterie";
  std::error_code error;
  const bool there = std::filesystem::exists(built, error);
  return (there ? built.native() : std::string("coterie")) + " dashboard --broker '" + broker + "'" +
         (there ? "" : "   (`make build` makes the command, build/release/bin/coterie)");
}

}  // namespace file_index
