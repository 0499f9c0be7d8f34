#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <memory>

#include "apps/keyfob/commands_moving.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct ExportOptions {
  std::string app;
  bool reveal = false;
  bool yes = false;
};

struct Exported {
  std::size_t grants = 0;
  std::size_t without_tokens = 0;
  std::size_t damaged = 0;
  std::size_t unsettled = 0;
};

std::size_t number_in(const json::value& page, std::string_view name) {
  const std::string text = text_of(page, name);
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<void> check(const ExportOptions& o) {
  if (!o.reveal)
    return fail(ErrorCode::invalid_argument, "an export holds every token in the clear",
                "say --reveal if that is what you want, and send it into a file that only you can read");
  if (stdout_is_terminal() && !o.yes)
    return fail(ErrorCode::invalid_argument, "tokens would be shown on this terminal",
                "send the output into a file: keyfob grant export --app APP --reveal > FILE; or say --yes");
  return {};
}

Result<void> show_lines(Context& context, const json::value& page) {
  std::string lines;
  for (const auto* grant : elements_of(page, "grants")) lines += json::serialize(*grant) + "\n";
  auto shown = context.show_text(lines);
  wipe(lines.data(), lines.size());
  return shown;
}

/// Page after page: a million grants take no more memory than one page.
Result<Exported> export_all(Context& context, const ExportOptions& o) {
  Exported all;
  std::string cursor;
  do {
    auto page = context.call("GET", fmt::format("/v1/grants:export?app={}{}{}", http::encode_component(o.app),
                                                cursor.empty() ? "" : "&cursor=", cursor));
    if (!page) return fail(page.error());
    wipe(page->text.data(), page->text.size());
    if (auto shown = show_lines(context, page->value); !shown) return fail(shown.error());
    all.grants += elements_of(page->value, "grants").size();
    all.without_tokens += number_in(page->value, "without_tokens");
    all.damaged += number_in(page->value, "damaged");
    all.unsettled += number_in(page->value, "unsettled");
    cursor = text_of(page->value, "next_cursor");
  } while (!cursor.empty());
  return all;
}

Result<void> export_grants(Context& context, const ExportOptions& o) {
  if (auto fine = check(o); !fine) return fine;
  auto done = export_all(context, o);
  if (!done) return fail(done.error());
  print_error(
      fmt::format("{} grants exported, each on record in the audit trail; {} without tokens were left out.\n"
                  "Their refresh tokens work once: whoever refreshes next has the only good pair. Before "
                  "another program takes over, stop keyfob, and export again if it has run since.\n",
                  done->grants, done->without_tokens));
  if (done->unsettled > 0)
    print_error(fmt::format("{} of them were being refreshed just now: export again in a minute.\n", done->unsettled));
  if (done->damaged == 0) return {};
  return fail(ErrorCode::damaged, fmt::format("{} grants do not open and are not in the export", done->damaged),
              "keyfob doctor says which");
}

}  // namespace

void add_export_command(CLI::App& grants, Action& chosen) {
  auto o = std::make_shared<ExportOptions>();
  auto& command =
      add_command(grants, "export", "Write an application's grants with their tokens in the clear",
                  {{"keyfob grant export --app fleet --reveal > grants.jsonl", "as `keyfob grant import` takes them"}});
  command.add_option("--app", o->app, "The application whose grants they are")->required()->type_name("APP");
  command.add_flag("--reveal", o->reveal, "Yes, with every access and refresh token");
  command.add_flag("--yes", o->yes, "Even on a terminal");
  command.callback([o, &chosen] { chosen = [o](Context& c) { return export_grants(c, *o); }; });
}

}  // namespace keyfob::cli
