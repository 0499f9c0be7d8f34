#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/import_reader.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kBatchLines = 1000;
constexpr std::size_t kBadLinesShown = 100;

struct ImportOptions {
  std::string file;
  std::string app;
  std::string format;
  bool dry_run = false;
};

struct Tally {
  std::size_t imported = 0;
  std::size_t replaced = 0;
  std::vector<BadLine> bad;
};

ImportFormat format_of(const ImportOptions& o) {
  if (o.format == "csv" || (o.format.empty() && o.file.ends_with(".csv"))) return ImportFormat::csv;
  return ImportFormat::jsonl;
}

std::string import_target(const ImportOptions& o) {
  return fmt::format("/v1/grants:import?app={}{}", http::encode_component(o.app), o.dry_run ? "&dry_run=true" : "");
}

/// The API numbers the lines of one batch from 1; people want the numbers of their file.
std::size_t number_in_file(const ImportBatch& batch, const json::value& complaint) {
  const std::string text = text_of(complaint, "line");
  std::size_t line = 0;
  std::from_chars(text.data(), text.data() + text.size(), line);
  return line >= 1 && line <= batch.good.size() ? batch.good[line - 1].number : 0;
}

std::size_t count_of(const json::value& answer, std::string_view name) {
  const std::string text = text_of(answer, name);
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

Result<void> send_batch(Context& context, const ImportOptions& o, ImportBatch batch, Tally& tally) {
  std::move(batch.bad.begin(), batch.bad.end(), std::back_inserter(tally.bad));
  if (batch.good.empty()) return {};
  std::size_t size = 0;
  for (const auto& line : batch.good) size += line.object.size() + 1;
  std::string body;
  body.reserve(size);
  for (const auto& line : batch.good) body.append(line.object).append("\n");
  auto answer = context.call("POST", import_target(o), std::move(body));
  if (!answer) return fail(answer.error());
  tally.imported += count_of(answer->value, "imported");
  tally.replaced += count_of(answer->value, "replaced");
  for (const auto* complaint : elements_of(answer->value, "failed"))
    tally.bad.push_back({number_in_file(batch, *complaint), text_of(*complaint, "detail")});
  return {};
}

Result<void> import_all(Context& context, const ImportOptions& o, ImportReader& reader, Tally& tally) {
  ProgressBar bar("Importing", reader.bytes_total(), stderr_is_terminal());
  for (;;) {
    auto batch = reader.next(kBatchLines);
    if (!batch) return fail(batch.error());
    if (batch->good.empty() && batch->bad.empty()) return {};
    if (auto sent = send_batch(context, o, std::move(*batch), tally); !sent) return sent;
    bar.advance_to(reader.bytes_read(), fmt::format("{} grants", tally.imported));
  }
}

std::string summary_json(const Tally& tally, bool dry_run) {
  json::object out;
  out["imported"] = tally.imported;
  out["replaced"] = tally.replaced;
  out["dry_run"] = dry_run;
  json::array bad;
  for (const auto& [number, reason] : tally.bad) bad.push_back(json::object{{"line", number}, {"reason", reason}});
  out["bad_lines"] = std::move(bad);
  return json::serialize(out) + "\n";
}

std::string summary(const Tally& tally, bool dry_run) {
  if (dry_run)
    return fmt::format("{} lines are good, {} are not. Nothing was stored.\n", tally.imported, tally.bad.size());
  return fmt::format("{} grants imported ({} of them replaced an earlier pair), {} bad lines.\n", tally.imported,
                     tally.replaced, tally.bad.size());
}

Result<void> report(Context& context, const ImportOptions& o, const Tally& tally) {
  if (auto shown = context.show_text(context.json() ? summary_json(tally, o.dry_run) : summary(tally, o.dry_run));
      !shown)
    return shown;
  if (tally.bad.empty()) return {};
  if (!context.json())
    for (std::size_t i = 0; i < std::min(tally.bad.size(), kBadLinesShown); ++i)
      print_error(fmt::format("line {}: {}\n", tally.bad[i].number, tally.bad[i].reason));
  return fail(ErrorCode::conflict, fmt::format("{} of the lines were not taken", tally.bad.size()),
              "mend these lines and import them alone; the good ones are kept");
}

Result<void> import_file(Context& context, const ImportOptions& o) {
  auto reader = ImportReader::open(o.file, format_of(o));
  if (!reader) return fail(reader.error());
  Tally tally;
  if (auto done = import_all(context, o, *reader, tally); !done) {
    Error error = done.error();
    error.what += fmt::format(" (after {} imported grants)", tally.imported);
    return fail(std::move(error));
  }
  return report(context, o, tally);
}

}  // namespace

void add_import_command(CLI::App& grants, Action& chosen) {
  auto o = std::make_shared<ImportOptions>();
  auto& command =
      add_command(grants, "import", "Take over grants from a file of JSON lines or CSV",
                  {{"keyfob grant import grants.jsonl --app fleet --dry-run", "checks every line, stores nothing"},
                   {"keyfob grant import grants.csv --app fleet",
                    "columns: user,vehicles,access_token,refresh_token,expires_in[,scope,provider_user]"},
                   {"zcat grants.jsonl.gz | keyfob grant import - --app fleet", ""}});
  command.add_option("FILE", o->file, "The file, or - for stdin")->required()->type_name("");
  command.add_option("--app", o->app, "The application whose grants they are")->required()->type_name("APP");
  command.add_option("--format", o->format, "jsonl or csv (default: by the file's name, else jsonl)")
      ->check(CLI::IsMember({"jsonl", "csv"}))
      ->type_name("FORMAT");
  command.add_flag("--dry-run", o->dry_run, "Check every line, store nothing");
  command.callback([o, &chosen] { chosen = [o](Context& c) { return import_file(c, *o); }; });
}

}  // namespace keyfob::cli
