#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <future>
#include <iterator>
#include <memory>
#include <random>

#include "api/api.hpp"
#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/import_reader.hpp"
#include "apps/keyfob/import_sender.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kBadLinesShown = 100;

struct ImportOptions {
  std::string file;
  std::string app;
  std::string format;
  bool dry_run = false;
  bool replace = false;
  std::size_t verify = 0;
};

struct Tally {
  std::size_t imported = 0;
  std::size_t replaced = 0;
  std::size_t unchanged = 0;
  std::size_t kept = 0;
  std::vector<BadLine> bad;
  std::vector<BadLine> doubtful{};  ///< of the sample: what the provider said of them
  std::size_t verified = 0;
};

ImportFormat format_of(const ImportOptions& o) {
  if (o.format == "csv" || (o.format.empty() && o.file.ends_with(".csv"))) return ImportFormat::csv;
  return ImportFormat::jsonl;
}

std::string import_target(const ImportOptions& o) {
  return fmt::format("/v1/grants:import?app={}{}{}", http::encode_component(o.app), o.dry_run ? "&dry_run=true" : "",
                     o.replace ? "&replace=true" : "");
}

/// Lines to ask the provider about: each line of the file is as likely to be among them (reservoir sampling).
class Sample {
 public:
  explicit Sample(std::size_t size) : size_(size) {}

  void look_at(const ImportBatch& batch) {
    for (const ImportLine& line : batch.good) {
      if (size_ == 0) return;
      ++seen_;
      if (lines_.good.size() < size_) {
        lines_.good.push_back(line);
      } else if (const auto place = std::uniform_int_distribution<std::size_t>(0, seen_ - 1)(dice_); place < size_) {
        lines_.good[place] = line;
      }
    }
  }
  [[nodiscard]] const ImportBatch& lines() const { return lines_; }

 private:
  std::size_t size_;
  std::size_t seen_ = 0;
  ImportBatch lines_;
  std::minstd_rand dice_{std::random_device{}()};
};

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

Result<PreparedBatch> prepare(ImportReader& reader) {
  auto batch = reader.next(api::kImportLines);
  if (!batch) return fail(batch.error());
  return prepare_batch(std::move(*batch), reader.bytes_read());
}

void count_answer(const ImportBatch& batch, const ApiAnswer& answer, Tally& tally) {
  tally.imported += count_of(answer.value, "imported");
  tally.replaced += count_of(answer.value, "replaced");
  tally.unchanged += count_of(answer.value, "unchanged");
  tally.kept += count_of(answer.value, "kept");
  for (const auto* complaint : elements_of(answer.value, "failed"))
    tally.bad.push_back({number_in_file(batch, *complaint), text_of(*complaint, "detail")});
}

/// The access tokens of the sample are tried at the provider, which rotates nothing.
Result<void> verify(Context& context, const ImportOptions& o, const ImportBatch& sample, Tally& tally) {
  if (sample.good.empty()) return {};
  auto answer = context.call("POST", "/v1/grants:probe?app=" + http::encode_component(o.app), body_of(sample.good));
  if (!answer) return fail(answer.error());
  tally.verified = count_of(answer->value, "unchanged");
  for (const auto* complaint : elements_of(answer->value, "failed"))
    tally.doubtful.push_back({number_in_file(sample, *complaint), text_of(*complaint, "detail")});
  return {};
}

Result<void> import_all(Context& context, const ImportOptions& o, ImportReader& reader, Tally& tally) {
  if (auto reached = context.reach(); !reached) return reached;
  Sample sample(o.verify);
  ProgressBar bar("Importing", reader.bytes_total(), stderr_is_terminal());
  ImportSender sender([&](std::string body) { return context.call("POST", import_target(o), std::move(body)); },
                      [&](const PreparedBatch& sent, const ApiAnswer& answer) {
                        count_answer(sent.batch, answer, tally);
                        bar.advance_to(sent.bytes_read,
                                       fmt::format("{} grants", tally.imported + tally.unchanged + tally.kept));
                      });
  // The next batch is read while earlier ones are stored.
  const auto read_ahead = [&reader] { return std::async(std::launch::async, [&reader] { return prepare(reader); }); };
  for (auto ahead = read_ahead();;) {
    auto next = ahead.get();
    if (!next) return fail(next.error());
    if (next->batch.good.empty() && next->batch.bad.empty()) break;
    ahead = read_ahead();
    sample.look_at(next->batch);
    std::ranges::move(next->batch.bad, std::back_inserter(tally.bad));
    if (next->batch.good.empty()) continue;
    if (auto sent = sender.send(std::move(*next)); !sent) return sent;
  }
  if (auto finished = sender.finish(); !finished) return finished;
  return verify(context, o, sample.lines(), tally);
}

std::string summary_json(const Tally& tally, bool dry_run) {
  json::object out;
  out["imported"] = tally.imported;
  out["replaced"] = tally.replaced;
  out["unchanged"] = tally.unchanged;
  out["kept"] = tally.kept;
  out["dry_run"] = dry_run;
  json::array bad;
  for (const auto& [number, reason] : tally.bad) bad.push_back(json::object{{"line", number}, {"reason", reason}});
  out["bad_lines"] = std::move(bad);
  out["verified"] = tally.verified;
  json::array doubtful;
  for (const auto& [number, reason] : tally.doubtful)
    doubtful.push_back(json::object{{"line", number}, {"reason", reason}});
  out["doubtful_lines"] = std::move(doubtful);
  return json::serialize(out) + "\n";
}

/// What was left alone, in a sentence each; nothing when nothing was.
std::string left_alone(const Tally& tally) {
  std::string text;
  if (tally.unchanged > 0) text += fmt::format("{} were there already.\n", tally.unchanged);
  if (tally.kept > 0)
    text += fmt::format("{} were kept: what is stored is newer than the file, or was revoked.\n", tally.kept);
  return text;
}

std::string summary(const Tally& tally, const ImportOptions& o) {
  std::string text =
      o.dry_run ? fmt::format("{} lines are good, {} are not. Nothing was stored.\n", tally.imported, tally.bad.size())
                : fmt::format("{} grants imported ({} of them replaced an earlier pair), {} bad lines.\n",
                              tally.imported, tally.replaced, tally.bad.size());
  text += left_alone(tally);
  if (o.verify > 0)
    text += fmt::format("{} access tokens tried at the provider, {} of them are not what the file says.\n",
                        tally.verified + tally.doubtful.size(), tally.doubtful.size());
  return text;
}

void print_lines(const std::vector<BadLine>& lines) {
  for (std::size_t i = 0; i < std::min(lines.size(), kBadLinesShown); ++i)
    print_error(fmt::format("line {}: {}\n", lines[i].number, lines[i].reason));
  if (lines.size() > kBadLinesShown)
    print_error(fmt::format("... and {} more; --json lists all\n", lines.size() - kBadLinesShown));
}

Result<void> report(Context& context, const ImportOptions& o, const Tally& tally) {
  if (auto shown = context.show_text(context.json() ? summary_json(tally, o.dry_run) : summary(tally, o)); !shown)
    return shown;
  if (!context.json()) {
    print_lines(tally.bad);
    print_lines(tally.doubtful);
  }
  if (!tally.bad.empty())
    return fail(ErrorCode::conflict, fmt::format("{} of the lines were not taken", tally.bad.size()),
                "mend these lines and import the file again; what is there already is left alone");
  if (!tally.doubtful.empty())
    return fail(ErrorCode::conflict, fmt::format("{} access tokens of the sample were not good", tally.doubtful.size()),
                "is the file fresh and of this application? expired access tokens are no harm, wrong owners are");
  return {};
}

Result<void> import_file(Context& context, const ImportOptions& o) {
  auto reader = ImportReader::open(o.file, format_of(o));
  if (!reader) return fail(reader.error());
  Tally tally;
  if (auto done = import_all(context, o, *reader, tally); !done) {
    Error error = done.error();
    error.what += fmt::format(" (after {} imported grants)", tally.imported);
    error.hint = "run it again: what is there already is left alone" + (error.hint.empty() ? "" : "; " + error.hint);
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
  command.add_flag("--replace", o->replace,
                   "Let the file win over what is stored, also over pairs that were rotated since");
  command.add_option("--verify", o->verify, "Try the access tokens of N lines at the provider; rotates nothing")
      ->check(CLI::Range(std::size_t{1}, api::kProbeLines))
      ->type_name("N");
  command.callback([o, &chosen] { chosen = [o](Context& c) { return import_file(c, *o); }; });
}

}  // namespace keyfob::cli
