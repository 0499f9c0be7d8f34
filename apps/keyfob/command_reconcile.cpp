#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "apps/keyfob/commands_moving.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 1000;

struct Options {
  std::string app;
  bool apply = false;
  bool allow_empty = false;
};

/// The provider's list, owner and vehicle in eight bytes each: a million connections take some 40 MB.
class Listing {
 public:
  void add(const std::string& owner, const std::string& vehicle) { seen_.emplace(key(owner, vehicle), false); }
  bool has(const std::string& owner, const std::string& vehicle) {
    const auto found = seen_.find(key(owner, vehicle));
    if (found == seen_.end()) return false;
    found->second = true;
    return true;
  }
  [[nodiscard]] std::size_t size() const { return seen_.size(); }
  /// Connections that no grant asked about.
  [[nodiscard]] std::size_t without_grant() const {
    return static_cast<std::size_t>(std::ranges::count_if(seen_, [](const auto& one) { return !one.second; }));
  }

 private:
  static std::uint64_t key(const std::string& owner, const std::string& vehicle) {
    return std::hash<std::string>{}(owner + '\n' + vehicle);
  }
  std::unordered_map<std::uint64_t, bool> seen_;
};

struct Finding {
  std::string result;  ///< "partly", "revoked", "unknown"; after --apply what the API made of it
  json::value grant;
  std::vector<std::string> missing{};
};

struct Report {
  std::size_t connections = 0;
  std::size_t without_grant = 0;
  std::size_t ok = 0;
  std::size_t failed = 0;
  std::vector<Finding> findings{};
  std::map<std::string, std::size_t> counts{};
};

std::string page_target(std::string_view path, const std::string& app, const std::string& cursor) {
  std::string target = fmt::format("{}?app={}", path, http::encode_component(app));
  if (!cursor.empty()) target += "&cursor=" + http::encode_component(cursor);
  return target;
}

Result<Listing> read_listing(Context& context, const Options& o) {
  Listing listing;
  std::string cursor;
  do {
    auto page = context.call("GET", page_target("/v1/connections", o.app, cursor));
    if (!page) return fail(page.error());
    for (const auto* one : elements_of(page->value, "connections"))
      listing.add(text_of(*one, "provider_user"), text_of(*one, "vehicle"));
    std::string next = text_of(page->value, "next_cursor");
    if (!next.empty() && next == cursor)
      return fail(ErrorCode::unavailable, "the provider's list of connections goes round in circles");
    cursor = std::move(next);
  } while (!cursor.empty());
  return listing;
}

using ForGrant = std::function<Result<void>(const json::value& grant)>;

/// Every grant that is not revoked, page after page.
Result<void> for_each_grant(Context& context, const std::string& app, const ForGrant& act) {
  std::string cursor;
  do {
    auto page = context.call("GET", page_target("/v1/grants", app, cursor) + fmt::format("&limit={}", kPage));
    if (!page) return fail(page.error());
    for (const auto* grant : elements_of(page->value, "grants")) {
      const std::string status = text_of(*grant, "status");
      if (status == "revoked" || status == "revoking") continue;
      if (auto done = act(*grant); !done) return done;
    }
    cursor = text_of(page->value, "next_cursor");
  } while (!cursor.empty());
  return {};
}

std::vector<std::string> vehicles_of(const json::value& grant) {
  std::vector<std::string> out;
  for (const auto* vehicle : elements_of(grant, "vehicles"))
    if (vehicle->is_string()) out.emplace_back(vehicle->get_string());
  return out;
}

/// Empty: every vehicle is connected.
std::optional<Finding> compare(const json::value& grant, Listing& listing) {
  const std::string owner = text_of(grant, "provider_user");
  const auto vehicles = vehicles_of(grant);
  if (owner.empty() || owner.starts_with("pending-") || vehicles.empty()) return Finding{"unknown", grant};
  Finding finding{"", grant};
  for (const auto& vehicle : vehicles)
    if (!listing.has(owner, vehicle)) finding.missing.push_back(vehicle);
  if (finding.missing.empty()) return std::nullopt;
  finding.result = finding.missing.size() == vehicles.size() ? "revoked" : "partly";
  return finding;
}

/// The API asks the provider about this owner once more before it does anything.
void apply(Context& context, Report& report, Finding& finding) {
  if (finding.result == "unknown") return;
  const std::string id = text_of(finding.grant, "id");
  auto answer = context.call("POST", "/v1/grants/" + http::encode_component(id) + "/reconcile");
  if (answer) {
    finding.result = text_of(answer->value, "result");
    return;
  }
  ++report.failed;
  finding.result = "failed";
  print_error(fmt::format("grant {}: {}\n", id, answer.error().what));
}

Result<Report> reconcile_all(Context& context, const Options& o) {
  auto listing = read_listing(context, o);
  if (!listing) return fail(listing.error());
  Report report;
  report.connections = listing->size();
  const auto look = [&](const json::value& grant) -> Result<void> {
    if (report.connections == 0 && !o.allow_empty)
      return fail(ErrorCode::conflict, "the provider lists no connection at all, although there are grants",
                  "an empty list is not believed: check the management token; --allow-empty if it is true");
    auto finding = compare(grant, *listing);
    if (!finding) {
      ++report.ok;
      return {};
    }
    report.findings.push_back(std::move(*finding));
    return {};
  };
  if (auto read = for_each_grant(context, o.app, look); !read) return fail(read.error());
  report.without_grant = listing->without_grant();
  for (Finding& finding : report.findings) {
    if (o.apply) apply(context, report, finding);
    ++report.counts[finding.result];
  }
  return report;
}

std::string report_json(const Report& report, bool applied) {
  json::array grants;
  for (const Finding& finding : report.findings)
    grants.push_back(json::object{{"id", text_of(finding.grant, "id")},
                                  {"user", text_of(finding.grant, "user")},
                                  {"result", finding.result},
                                  {"missing", json::array(finding.missing.begin(), finding.missing.end())}});
  json::object out{{"connections", report.connections},
                   {"connections_without_grant", report.without_grant},
                   {"ok", report.ok},
                   {"applied", applied}};
  for (const char* always : {"partly", "revoked", "unknown"}) out[always] = 0;
  for (const auto& [result, count] : report.counts) {
    if (result == "ok") {
      out["ok"] = report.ok + count;
    } else {
      out[result] = count;
    }
  }
  out["grants"] = std::move(grants);
  return json::serialize(out) + "\n";
}

std::string report_text(const Report& report, bool applied) {
  std::string text;
  for (const Finding& finding : report.findings)
    text += fmt::format("{:<16}  {}  {}  {}\n", finding.result, text_of(finding.grant, "id"),
                        text_of(finding.grant, "user"), fmt::join(finding.missing, " "));
  text += fmt::format("{} connections at the provider, {} of them without a grant here. Grants: {} ok",
                      report.connections, report.without_grant, report.ok);
  for (const auto& [result, count] : report.counts) text += fmt::format(", {} {}", count, result);
  text += ".\n";
  if (!applied && report.counts.contains("revoked") + report.counts.contains("partly") > 0)
    text += "Nothing was changed; --apply acts on it.\n";
  if (report.counts.contains("unknown")) text += "Of whom the unknown ones are, `keyfob grant migrate-v3` finds out.\n";
  return text;
}

Result<void> reconcile(Context& context, const Options& o) {
  auto report = reconcile_all(context, o);
  if (!report) return fail(report.error());
  auto shown = context.show_text(context.json() ? report_json(*report, o.apply) : report_text(*report, o.apply));
  if (!shown) return shown;
  if (report->failed == 0) return {};
  return fail(ErrorCode::unavailable, fmt::format("{} grants could not be reconciled", report->failed), "run it again");
}

struct Migration {
  std::size_t known = 0;
  std::size_t filled = 0;
  std::vector<std::pair<std::string, std::string>> failed{};
};

Result<Migration> migrate_all(Context& context, const Options& o) {
  Migration done;
  const auto look = [&](const json::value& grant) -> Result<void> {
    if (!text_of(grant, "provider_user").empty()) {
      ++done.known;
      return {};
    }
    const std::string id = text_of(grant, "id");
    auto answer = context.call("POST", "/v1/grants/" + http::encode_component(id) + "/identify");
    if (answer) {
      ++done.filled;
    } else {
      done.failed.emplace_back(id, answer.error().what);
    }
    if (stderr_is_terminal() && done.filled % 100 == 0) print_error(fmt::format("\r\x1b[K{} filled in", done.filled));
    return {};
  };
  auto read = for_each_grant(context, o.app, look);
  if (stderr_is_terminal()) print_error("\r\x1b[K");
  if (!read) return fail(read.error());
  return done;
}

Result<void> migrate(Context& context, const Options& o) {
  auto done = migrate_all(context, o);
  if (!done) return fail(done.error());
  json::array failed;
  for (const auto& [id, why] : done->failed) failed.push_back(json::object{{"id", id}, {"reason", why}});
  const json::object out{{"known", done->known}, {"filled", done->filled}, {"failed", std::move(failed)}};
  const std::string text = fmt::format(
      "{} grants know their owner's id at the provider: {} did before, {} were filled in. {} could not be.\n",
      done->known + done->filled, done->known, done->filled, done->failed.size());
  auto shown = context.show_text(context.json() ? json::serialize(out) + "\n" : text);
  if (!shown || done->failed.empty()) return shown;
  if (!context.json())
    for (const auto& [id, why] : done->failed) print_error(fmt::format("grant {}: {}\n", id, why));
  return fail(ErrorCode::unavailable, fmt::format("{} grants could not be filled in", done->failed.size()),
              "run it again: it goes on where it was; an owner who must consent again is known after that");
}

}  // namespace

void add_reconcile_commands(CLI::App& grants, Action& chosen) {
  auto o = std::make_shared<Options>();
  auto& reconcile_command =
      add_command(grants, "reconcile", "Hold the grants against the provider's list of connections",
                  {{"keyfob grant reconcile --app fleet", "what was revoked there, what is unknown"},
                   {"keyfob grant reconcile --app fleet --apply", "and act on it, each asked about once more"}});
  reconcile_command.add_option("--app", o->app, "The application")->required()->type_name("APP");
  reconcile_command.add_flag("--apply", o->apply, "Take vehicles and grants out that are gone at the provider");
  reconcile_command.add_flag("--allow-empty", o->allow_empty, "Believe a list without a single connection");
  reconcile_command.callback([o, &chosen] { chosen = [o](Context& c) { return reconcile(c, *o); }; });
  auto m = std::make_shared<Options>();
  auto& migrate_command =
      add_command(grants, "migrate-v3", "Fill in the owners' ids at the provider, which v3 calls need",
                  {{"keyfob grant migrate-v3 --app fleet", "may be run again at any time"}});
  migrate_command.add_option("--app", m->app, "The application")->required()->type_name("APP");
  migrate_command.callback([m, &chosen] { chosen = [m](Context& c) { return migrate(c, *m); }; });
}

}  // namespace keyfob::cli
