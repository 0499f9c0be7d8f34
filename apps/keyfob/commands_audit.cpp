#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/json_body.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/table.hpp"
#include "http/message.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct AuditOptions {
  std::string since;
  std::string subject;
  std::string action;
  std::size_t limit = 50;
  std::string heads;
};

std::string page_target(const AuditOptions& o, std::size_t limit, const std::string& cursor) {
  std::string target = "/v1/audit?limit=" + std::to_string(limit);
  const auto add = [&target](const char* name, const std::string& value) {
    if (!value.empty()) target += fmt::format("&{}={}", name, http::encode_component(value));
  };
  add("since", o.since);
  add("subject", o.subject);
  add("action", o.action);
  add("cursor", cursor);
  return target;
}

std::string entry_table(const json::value& page) {
  Table table({"AT", "ACTOR", "ACTION", "OUTCOME", "APPLICATION", "GRANT", "USER", "SUBJECT", "COUNT"});
  for (const auto* entry : elements_of(page, "entries")) {
    table.add({text_of(*entry, "at"), text_of(*entry, "actor"), text_of(*entry, "action"), text_of(*entry, "outcome"),
               text_of(*entry, "app"), text_of(*entry, "grant"), text_of(*entry, "user"), text_of(*entry, "subject"),
               text_of(*entry, "count")});
  }
  return table.empty() ? "Nothing is on record.\n" : table.render();
}

Result<void> audit_list(Context& context, const AuditOptions& o) {
  auto answer = context.call("GET", page_target(o, o.limit, {}));
  if (!answer) return fail(answer.error());
  return context.show(*answer, entry_table);
}

Result<void> audit_export(Context& context, const AuditOptions& o) {
  std::string cursor;
  do {
    auto page = context.call("GET", page_target(o, 1000, cursor));
    if (!page) return fail(page.error());
    std::string lines;
    for (const auto* entry : elements_of(page->value, "entries")) lines += json::serialize(*entry) + "\n";
    if (auto shown = context.show_text(lines); !shown) return shown;
    const json::value* next = page->value.is_object() ? page->value.as_object().if_contains("next_cursor") : nullptr;
    cursor = next != nullptr && next->is_string() ? std::string(next->as_string()) : std::string();
  } while (!cursor.empty());
  return {};
}

Result<void> audit_heads(Context& context) {
  auto answer = context.call("GET", "/v1/audit/heads");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& heads) {
    std::string out;
    for (const auto* head : elements_of(heads, "heads")) out += std::string(head->as_string()) + "\n";
    return out;
  });
}

Result<std::vector<std::string>> read_lines(const std::string& file) {
  std::vector<std::string> lines;
  if (file.empty()) return lines;
  std::ifstream in(file);
  if (!in) return fail(ErrorCode::not_found, "cannot read " + file, "`keyfob audit heads > FILE` makes it");
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string verdict(const json::value& found) {
  std::string out;
  for (const auto* fault : elements_of(found, "faults")) {
    out += fmt::format("node {}, record {}: {}\n", text_of(*fault, "node"), text_of(*fault, "sequence"),
                       text_of(*fault, "what"));
  }
  const std::string records = text_of(found, "records");
  if (out.empty()) return fmt::format("{} records verified: nothing was changed, removed or reordered.\n", records);
  return out + fmt::format("{} records are sound up to there.\n", records);
}

Result<void> audit_verify(Context& context, const AuditOptions& o) {
  const auto heads = read_lines(o.heads);
  if (!heads) return fail(heads.error());
  JsonBody body;
  body.texts("heads", *heads);
  auto answer = context.call("POST", "/v1/audit/verify", body.json());
  if (!answer) return fail(answer.error());
  if (auto shown = context.show(*answer, verdict); !shown) return shown;
  if (text_of(answer->value, "sound") == "true") return {};
  return fail(ErrorCode::damaged, "the audit trail was tampered with, or the store is an older copy",
              "keep this store as it is and compare it with a backup");
}

void add_filters(CLI::App& command, AuditOptions& o) {
  command.add_option("--since", o.since, "From then on: 2026-01-02T03:04:05Z, or how long ago: 24h")->type_name("T");
  command.add_option("--subject", o.subject, "A grant, a user, a caller, or the name of anything else")->type_name("S");
  command.add_option("--action", o.action, "One kind of entry, like token.disclosed")->type_name("A");
}

}  // namespace

void add_audit_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "audit", "The audit trail: who did what, and that nobody changed it since",
                            {{"keyfob audit list --since 24h", ""}});
  auto o = std::make_shared<AuditOptions>();
  auto& list = add_command(group, "list", "List entries, newest first",
                           {{"keyfob audit list --since 24h", ""}, {"keyfob audit list --subject driver-17", ""}});
  add_filters(list, *o);
  list.add_option("--limit", o->limit, "At most this many")->check(CLI::Range(1, 1000))->capture_default_str();
  list.callback([o, &chosen] { chosen = [o](Context& c) { return audit_list(c, *o); }; });
  auto& exported = add_command(group, "export", "Print all entries as JSON lines, newest first",
                               {{"keyfob audit export --since 2026-01-01T00:00:00Z > audit.jsonl", ""}});
  add_filters(exported, *o);
  exported.callback([o, &chosen] { chosen = [o](Context& c) { return audit_export(c, *o); }; });
  add_command(group, "heads", "Print where each node's chain ends; keep it away from the store to verify against",
              {{"keyfob audit heads > heads.txt", ""}})
      .callback([&chosen] { chosen = audit_heads; });
  auto& verify = add_command(group, "verify", "Read the whole trail; exit code 1 when something does not fit",
                             {{"keyfob audit verify", ""}, {"keyfob audit verify --heads heads.txt", ""}});
  verify.add_option("--heads", o->heads, "What `keyfob audit heads` printed earlier")->type_name("FILE");
  verify.callback([o, &chosen] { chosen = [o](Context& c) { return audit_verify(c, *o); }; });
}

}  // namespace keyfob::cli
