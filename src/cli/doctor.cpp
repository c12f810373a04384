// coterie doctor: how the broker stands, and what to change. It changes nothing itself.
#include "coterie/queue/doctor.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

using queue::Diagnosis;
using queue::Finding;
using queue::Health;

std::size_t count(const Diagnosis& diagnosis, Health health) {
  return static_cast<std::size_t>(
      std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                    [health](const Finding& finding) { return finding.health == health; }));
}

std::string finding_json(const Finding& finding) {
  JsonObject numbers;
  for (const auto& [name, value] : finding.numbers) {
    const bool whole = std::abs(value) < 1e15 && std::trunc(value) == value;
    if (whole)
      numbers.add(name, static_cast<std::int64_t>(value));  // sizes in bytes are exact
    else
      numbers.add(name, value);
  }
  JsonObject object;
  std::string nodes = "[";
  for (const std::string& node : finding.nodes) nodes += (nodes.size() > 1 ? "," : "") + json_string(node);
  object.add("check", finding.check).add("health", to_string(finding.health)).add("found", finding.found);
  object.add("meaning", finding.meaning).add("change", finding.change);
  object.raw("nodes", nodes + "]").raw("numbers", numbers.str());
  return object.str();
}

void print_json(const Diagnosis& diagnosis) {
  std::string all = "[";
  for (const Finding& finding : diagnosis.findings) {
    if (all.size() > 1) all += ',';
    all += finding_json(finding);
  }
  JsonObject object;
  object.add("broker", diagnosis.url).add("health", to_string(diagnosis.worst()));
  object.add("problems", count(diagnosis, Health::problem))
      .add("warnings", count(diagnosis, Health::warning));
  object.add("unknown", count(diagnosis, Health::unknown)).raw("checks", all + "]");
  Output::standard().line(object.str());
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string padded(std::string text, std::size_t columns) {
  text.append(columns - std::min(columns, display_width(text)), ' ');
  return text;
}

void print(const Diagnosis& diagnosis) {
  Output& out = Output::standard();
  std::size_t widest = 0;
  for (const Finding& finding : diagnosis.findings)
    widest = std::max(widest, display_width(printable(finding.check)));
  out.line(printable(diagnosis.url));
  for (const Finding& finding : diagnosis.findings) {
    const std::string word =
        finding.health == Health::problem ? "PROBLEM" : std::string(to_string(finding.health));
    out.line("  " + padded(word, 9) + padded(printable(finding.check), widest + 2) +
             printable(finding.found));
    const std::string indent(2 + 9 + widest + 2, ' ');
    if (!finding.nodes.empty()) out.line(indent + "at " + printable(joined(finding.nodes)));
    if (!finding.meaning.empty()) out.line(indent + printable(finding.meaning));
    if (!finding.change.empty()) out.line(indent + "change: " + printable(finding.change));
  }
  out.line(counted(count(diagnosis, Health::problem), "problem") + ", " +
           counted(count(diagnosis, Health::warning), "warning") + ", " +
           std::to_string(count(diagnosis, Health::unknown)) + " unknown, " +
           std::to_string(count(diagnosis, Health::ok)) + " ok");
}

}  // namespace

void add_doctor(CLI::App& app, Action& chosen) {
  auto common = std::make_shared<CommonOptions>();
  Flags(app, "doctor", "Look at the broker: what would lose jobs or slow them down, and what to change")
      .common(*common)
      .footer(
          "It changes nothing, makes no file and no key, and needs no rights but to read.\n"
          "Exit codes: 0 no problem (warnings are none), 1 a problem was found, 2 wrong usage, 3 the broker "
          "cannot be reached.\n"
          "  coterie doctor --broker redis://10.0.0.5\n"
          "  coterie doctor --json | jq '.checks[] | select(.health == \"problem\")'")
      .chooses(chosen, [common] {
        const Diagnosis diagnosis = queue::diagnose(common->broker);
        if (common->json)
          print_json(diagnosis);
        else
          print(diagnosis);
        return diagnosis.worst() == Health::problem ? exit_job_failed : exit_ok;
      });
}

}  // namespace coterie::cli
