#include "src/cli/options.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "src/cli/broker_access.hpp"

namespace coterie::cli {
namespace {

/// An option with one value, which is ours to read.
CLI::Option* add_value(CLI::App& command, const std::string& names,
                       std::function<void(const std::string&)> take, const std::string& help) {
  const auto take_last = [take = std::move(take)](const CLI::results_t& given) {
    take(given.back());
    return true;
  };
  return command.add_option(names, CLI::callback_t(take_last), help);
}

}  // namespace

Flags::Flags(CLI::App& app, const std::string& name, const std::string& description)
    : command_(app.add_subcommand(name, description)) {}

Flags& Flags::broker(std::string& target) {
  command_
      ->add_option(
          "--broker", target,
          "Where the jobs are: sqlite://PATH, redis://HOST [default " + std::string(default_broker) + "]")
      ->type_name("URL")
      ->envname("COTERIE_BROKER");
  return name_space(target);
}

Flags& Flags::name_space(std::string& url) {
  const auto name = std::make_shared<std::optional<std::string>>();
  text("--namespace", *name,
       "What its keys on Redis begin with, so that applications share a server [default coterie]", "NAME");
  // Behind all options of this command, and before what it was chosen for.
  command_->parse_complete_callback([name, &url] {
    if (*name) url = with_namespace(url, **name);
  });
  return *this;
}

Flags& Flags::common(CommonOptions& target) {
  broker(target.broker);
  command_->add_flag("--json", target.json, "Print JSON instead of text");
  return *this;
}

Flags& Flags::text(const std::string& names, std::string& target, const std::string& help,
                   const std::string& type) {
  command_->add_option(names, target, help)->type_name(type);
  return *this;
}

Flags& Flags::text(const std::string& names, std::optional<std::string>& target, const std::string& help,
                   const std::string& type) {
  add_value(*command_, names, [&target](const std::string& given) { target = given; }, help)->type_name(type);
  return *this;
}

Flags& Flags::texts(const std::string& names, std::vector<std::string>& target, const std::string& help,
                    const std::string& type) {
  command_->add_option(names, target, help)->type_name(type)->allow_extra_args(false)->take_all();
  return *this;
}

Flags& Flags::rest(const std::string& name, std::vector<std::string>& target, const std::string& help,
                   int least) {
  auto* option = command_->add_option(name, target, help)->type_name("")->expected(least, 1 << 29);
  if (least > 0) option->required();
  return *this;
}

Flags& Flags::number(const std::string& names, std::int64_t& target, const std::string& help,
                     std::int64_t least, std::int64_t most) {
  return number_into(names, [&target](std::int64_t given) { target = given; }, help, least, most);
}

Flags& Flags::number(const std::string& names, std::optional<std::int64_t>& target, const std::string& help,
                     std::int64_t least, std::int64_t most) {
  return number_into(names, [&target](std::int64_t given) { target = given; }, help, least, most);
}

Flags& Flags::number_into(const std::string& names, std::function<void(std::int64_t)> take,
                          const std::string& help, std::int64_t least, std::int64_t most) {
  const std::string what = names.substr(0, names.find(','));
  const auto read = [take = std::move(take), what, least, most](const std::string& given) {
    take(parse_number(what, given, least, most));
  };
  add_value(*command_, names, read, help)->type_name("N");
  return *this;
}

Flags& Flags::duration(const std::string& names, std::optional<queue::Milliseconds>& target,
                       const std::string& help) {
  const std::string what = names.substr(0, names.find(','));
  const auto take = [&target, what](const std::string& given) { target = parse_duration(what, given); };
  add_value(*command_, names, take, help)->type_name("TIME");
  return *this;
}

Flags& Flags::flag(const std::string& names, bool& target, const std::string& help) {
  command_->add_flag(names, target, help);
  return *this;
}

Flags& Flags::needs_subcommand() {
  command_->require_subcommand(1);
  return *this;
}

Flags& Flags::required(const std::string& name) {
  command_->get_option(name)->required();
  return *this;
}

Flags& Flags::footer(const std::string& text) {
  command_->footer(text);
  return *this;
}

void Flags::chooses(Action& chosen, Action action) {
  command_->callback([&chosen, action = std::move(action)] { chosen = action; });
}

}  // namespace coterie::cli
