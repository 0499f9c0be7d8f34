#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "apps/keyfob/admin_socket.hpp"
#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/doctor.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/node_state.hpp"
#include "apps/keyfob/probe.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "apps/keyfob/table.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct Diagnosis {
  std::vector<Finding> findings;
  std::optional<ProbeReport> probe;

  void add(Finding finding) { findings.push_back(std::move(finding)); }
  void add(std::vector<Finding> more) { std::ranges::move(more, std::back_inserter(findings)); }
  [[nodiscard]] std::size_t problems() const {
    return static_cast<std::size_t>(std::ranges::count(findings, Health::problem, &Finding::health));
  }
};

void ask(Context& context, const char* target, json::value& into, Symptoms& symptoms) {
  if (symptoms.unreachable) return;
  auto answer = context.call("GET", target);
  if (answer) {
    into = std::move(answer->value);
  } else {
    symptoms.unreachable = answer.error();
  }
}

void look_over(const config::Config& config, Symptoms& symptoms) {
  if (symptoms.unreachable) return;
  auto overview = node::look_over(config, node::SystemClock().wall());
  if (overview) {
    symptoms.overview = std::move(*overview);
  } else {
    symptoms.unreachable = overview.error();
  }
}

Symptoms take_symptoms(Context& context, const config::Config& config, bool daemon, bool may_open) {
  Symptoms symptoms;
  symptoms.daemon = daemon;
  if (!may_open) symptoms.unreachable = Error{ErrorCode::unavailable, "the store could not be opened", {}, {}};
  look_over(config, symptoms);
  ask(context, "/v1/status", symptoms.status, symptoms);
  ask(context, "/v1/apps", symptoms.apps, symptoms);
  ask(context, "/v1/keys", symptoms.keys, symptoms);
  ask(context, "/v1/audit?action=audit.cut&limit=1", symptoms.cuts, symptoms);
  return symptoms;
}

Finding examine_daemon(const Symptoms& symptoms) {
  if (!symptoms.unreachable)
    return {"daemon", Health::ok, symptoms.daemon ? "runs" : "does not run; the store was looked at directly"};
  return {"daemon", Health::problem, "the installation cannot be asked: " + symptoms.unreachable->what,
          "what needs an answer of it was not checked", symptoms.unreachable->hint};
}

Diagnosis diagnose(Context& context, const config::Config& config, const std::string& config_file) {
  Diagnosis out;
  const bool daemon = AdminSocket::connect(node::StatePaths{config.node.state_dir}.admin_socket()).has_value();
  out.add(examine_files(config, config_file));
  out.add(examine_schema(config));
  const bool may_open = out.findings.back().health == Health::ok;
  const Symptoms symptoms = take_symptoms(context, config, daemon, may_open);
  if (may_open) out.add(examine_daemon(symptoms));
  out.add(examine_master_key(config, symptoms));
  out.add(examine_restored(config, symptoms));
  if (symptoms.unreachable) return out;
  out.add(examine_providers(config, symptoms));
  out.add(examine_redirects(config, symptoms));
  out.add(examine_spool(context, symptoms));
  out.add(examine_work(config, symptoms));
  return out;
}

std::string for_people(const Diagnosis& diagnosis) {
  std::string out;
  for (const auto& finding : diagnosis.findings) {
    const bool problem = finding.health == Health::problem;
    const std::string word = fmt::format("{:<8}", problem ? "PROBLEM" : to_string(finding.health));
    out += fmt::format("{} {:<16} {}\n", styled(problem ? Style::alarm : Style::good, word), finding.check,
                       printable(finding.what));
    if (!problem) continue;
    out += wrapped("why: " + printable(finding.why), 9);
    out += wrapped("do:  " + printable(finding.todo), 9);
  }
  if (const auto& probe = diagnosis.probe)
    out += fmt::format("\nProbed {} grants: {} live, {} were refused, {} without an answer\n", probe->probed,
                       probe->refreshed, probe->refused, probe->unanswered);
  return out;
}

std::string for_programs(const Diagnosis& diagnosis) {
  json::array findings;
  for (const auto& f : diagnosis.findings)
    findings.push_back(json::object{
        {"check", f.check}, {"status", to_string(f.health)}, {"what", f.what}, {"why", f.why}, {"todo", f.todo}});
  json::object out{{"healthy", diagnosis.problems() == 0}, {"findings", std::move(findings)}};
  if (const auto& probe = diagnosis.probe)
    out["probe"] = json::object{{"probed", probe->probed},
                                {"refreshed", probe->refreshed},
                                {"refused", probe->refused},
                                {"unanswered", probe->unanswered}};
  return json::serialize(out) + "\n";
}

/// After every grant has answered, the restored backup is no finding any more.
Result<std::optional<ProbeReport>> probe_if_asked(Context& context, const config::Config& config, bool asked) {
  if (!asked) return std::nullopt;
  auto report = probe_grants(context);
  if (!report) return fail(report.error());
  if (report->unanswered == 0)
    if (auto settled = settle_restored(config, node::SystemClock().wall()); !settled) return fail(settled.error());
  return *report;
}

Result<void> doctor(Context& context, bool probe) {
  auto config = context.config();
  if (!config) return fail(config.error());
  auto file = context.config_file();
  if (!file) return fail(file.error());
  auto probed = probe_if_asked(context, **config, probe);
  if (!probed) return fail(probed.error());
  Diagnosis diagnosis = diagnose(context, **config, file->string());
  diagnosis.probe = *probed;
  auto shown = context.show_text(context.json() ? for_programs(diagnosis) : for_people(diagnosis));
  if (!shown || diagnosis.problems() == 0) return shown;
  const auto count = diagnosis.problems();
  return fail(ErrorCode::unavailable, count == 1 ? "1 problem was found" : fmt::format("{} problems were found", count),
              "each finding above says what to do");
}

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::ok: return "ok";
    case Health::problem: return "problem";
    case Health::skipped: return "skipped";
  }
  return "skipped";
}

void add_doctor_command(CLI::App& root, Action& chosen) {
  auto probe = std::make_shared<bool>(false);
  auto& command =
      add_command(root, "doctor", "Look for what is wrong: files, keys, clock, provider, store, work left lying",
                  {{"keyfob doctor", "exit code 1 when something is wrong"},
                   {"keyfob doctor --json | jq '.findings[] | select(.status == \"problem\")'", ""},
                   {"keyfob doctor --probe", "after restoring a backup: which grants live?"}});
  command.add_flag("--probe", *probe, "Refresh every grant that is not known to be dead once, then look");
  command.callback([probe, &chosen] { chosen = [probe](Context& c) { return doctor(c, *probe); }; });
}

}  // namespace keyfob::cli
