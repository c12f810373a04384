#include "helpers.hpp"

#include <filesystem>
#include <utility>

#include "coterie/io/process.hpp"

namespace file_index {

coterie::Task<void> run_helper(Options options, std::string run) {
  std::vector<std::string> words;
  words.push_back(std::filesystem::read_symlink("/proc/self/exe").native());
  words.push_back(options.folder);
  for (const auto& [flag, value] :
       {std::pair{"--broker", options.broker}, std::pair{"-j", std::to_string(options.jobs)},
        std::pair{"--join", run}}) {
    words.emplace_back(flag);
    words.push_back(value);
  }
  coterie::io::Process helper{coterie::io::ProcessOptions(std::move(words))};
  co_await helper.wait();
}

}  // namespace file_index
