#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/overview.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "apps/keyfob/table.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr std::array kStatuses = {GrantStatus::active, GrantStatus::suspect, GrantStatus::needs_reauth,
                                  GrantStatus::revoking, GrantStatus::revoked};
constexpr std::size_t kMostNodes = 12;

std::int64_t whole_seconds(Milliseconds d) { return std::chrono::duration_cast<seconds>(d).count(); }

std::string brief(Milliseconds d) { return format_duration(std::chrono::duration_cast<seconds>(d)); }

/// "events: 3 since 2026-01-02T03:04:05.678Z, tried 4 times"; what is stuck has a time long ago.
std::string outbox_text(const json::value& status) {
  std::string text;
  for (const auto* one : elements_of(status, "outbox")) {
    text += fmt::format("{}{}: {} since {}, tried {} times", text.empty() ? "" : "; ", text_of(*one, "to"),
                        text_of(*one, "waiting"), text_of(*one, "oldest"), text_of(*one, "attempts"));
  }
  return text.empty() ? "nothing" : text;
}

/// What the node answers, and beside it what the store says about the whole.
json::object join(const json::value& status, const node::Overview& overview) {
  json::object out = status.is_object() ? status.as_object() : json::object();
  json::object grants;
  for (const auto s : kStatuses) grants[to_string(s)] = overview.grants.of(s);
  out["grants"] = std::move(grants);
  out["attention"] = overview.grants.attention;
  out["refreshed_last_hour"] = overview.refreshed;
  out["refused_last_hour"] = overview.refused;
  out["due"] = overview.due;
  out["lag_seconds"] = whole_seconds(overview.lag);
  out["keep_alive_lag_seconds"] = whole_seconds(overview.keep_alive_lag);
  json::array nodes;
  for (const auto& node : overview.nodes)
    nodes.push_back(json::object{{"id", node.id.view()}, {"seen_at", to_rfc3339(node.seen)}});
  out["nodes"] = std::move(nodes);
  return out;
}

std::string grants_line(const node::Overview& overview) {
  std::string out;
  for (const auto s : kStatuses) {
    const auto count = overview.grants.of(s);
    const std::string part = fmt::format("{} {}", count, to_string(s));
    const bool bad = count != 0 && (s == GrantStatus::needs_reauth || s == GrantStatus::suspect);
    out += (out.empty() ? "" : ", ") + styled(bad ? Style::alarm : Style::plain, part);
  }
  return out;
}

std::string line(std::string_view name, std::string_view value) { return fmt::format("{:<22}  {}\n", name, value); }

std::string alarming(const std::string& text, bool alarm) { return styled(alarm ? Style::alarm : Style::plain, text); }

std::string nodes_text(const node::Overview& overview, WallTime now) {
  std::string out;
  for (std::size_t i = 0; i < std::min(overview.nodes.size(), kMostNodes); ++i) {
    const auto& node = overview.nodes[i];
    out += line(i == 0 ? "nodes" : "",
                fmt::format("{}  last wrote {} ago", node.id.view(), brief(std::max(now - node.seen, Milliseconds()))));
  }
  if (overview.nodes.size() > kMostNodes)
    out += line("", fmt::format("and {} more", overview.nodes.size() - kMostNodes));
  return out;
}

std::string screen(const json::value& status, const node::Overview& overview, WallTime now) {
  const std::string suspended = printable(text_of(status, "suspended"));
  const std::string spooled = text_of(status, "spooled");
  std::string out = line("version", text_of(status, "version"));
  out += line("grants", grants_line(overview));
  out += line("attention", fmt::format("{} grants", overview.grants.attention));
  out += line("last hour", fmt::format("{} refreshed, {}", overview.refreshed,
                                       alarming(fmt::format("{} refused", overview.refused), overview.refused != 0)));
  out += line("due now", fmt::format("{}, {} behind", overview.due, brief(overview.lag)));
  out += line("keep-alive", overview.keep_alive_lag == Milliseconds()
                                ? "on time"
                                : alarming(brief(overview.keep_alive_lag) + " late: grants will expire", true));
  out += line("applications", text_of(status, "applications") + ", " +
                                  (suspended.empty() ? "none suspended" : alarming("suspended: " + suspended, true)));
  out += line("callers", text_of(status, "callers"));
  out += line("refreshes in flight", text_of(status, "flights"));
  out += line("pairs in the spool", alarming(spooled, spooled != "0"));
  out += line("waiting to be sent", outbox_text(status));
  out += line("grants in the cache", text_of(status, "cached"));
  return out + nodes_text(overview, now);
}

Result<void> status(Context& context) {
  auto answer = context.call("GET", "/v1/status");
  if (!answer) return fail(answer.error());
  auto config = context.config();
  if (!config) return fail(config.error());
  const WallTime now = node::SystemClock().wall();
  const auto overview = node::look_over(**config, now);
  if (!overview) return fail(overview.error());
  if (context.json()) return context.show_text(json::serialize(join(answer->value, *overview)) + "\n");
  return context.show_text(screen(answer->value, *overview, now));
}

}  // namespace

void add_status_command(CLI::App& root, Action& chosen) {
  add_command(root, "status", "One screen: grants, the last hour, what is due, applications, nodes",
              {{"keyfob status", ""}, {"watch -n 10 keyfob status", ""}, {"keyfob status --json | jq .grants", ""}})
      .callback([&chosen] { chosen = status; });
}

}  // namespace keyfob::cli
