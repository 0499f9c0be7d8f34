#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "apps/keyfob/backup.hpp"
#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/interruption.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr const char* kMeaning =
    "\n"
    "BEFORE YOU RESTORE IT: a refresh token works once. Each refresh after this moment replaces the token that is in\n"
    "this backup, so a grant that was refreshed since then needs its owner's consent again if this backup is all "
    "there\n"
    "is. `keyfob doctor` recognises a restored backup; `keyfob doctor --probe` finds out which grants live.\n"
    "NEVER serve a copy while the original still runs: each would use up the other's refresh tokens.\n"
    "Keep the master key apart from the backups: together they are every token, one without the other is nothing.\n";

struct BackupOptions {
  std::string file;
  bool unverified = false;
  bool accept_damaged = false;
};

/// One bar per step.
class Bars {
 public:
  explicit Bars(bool visible) : visible_(visible) {}
  void show(std::string_view step, std::uint64_t done, std::uint64_t total) {
    if (!visible_ || total == 0) return;
    if (!bar_) bar_.emplace(std::string(step), total, visible_);
    bar_->advance_to(done, "");
  }

 private:
  bool visible_;
  std::optional<ProgressBar> bar_;
};

std::string for_people(const node::BackupReport& made) {
  const auto& in = made.contents;
  std::string out =
      fmt::format("Wrote {}: {:.1f} MiB, schema {}, as of {}\n", made.file.string(),
                  static_cast<double>(made.bytes) / (1024.0 * 1024.0), made.schema, to_rfc3339(made.taken_at));
  if (made.opened) {
    out += fmt::format("Opened every record: {} grants, {} late pairs, {} secrets of {} applications\n", in.grants,
                       in.late_pairs, in.secrets, in.applications);
  } else {
    out += "Its structure is whole; no record was opened (--unverified)\n";
  }
  for (const auto& damaged : in.damaged) out += "DAMAGED: " + damaged + "\n";
  if (in.damaged_count > in.damaged.size())
    out += fmt::format("DAMAGED: {} more\n", in.damaged_count - in.damaged.size());
  return out + kMeaning;
}

std::string for_programs(const node::BackupReport& made) {
  const auto& in = made.contents;
  json::object out;
  out["file"] = made.file.string();
  out["taken_at"] = to_rfc3339(made.taken_at);
  out["bytes"] = made.bytes;
  out["schema"] = made.schema;
  out["opened"] = made.opened;
  out["applications"] = in.applications;
  out["grants"] = in.grants;
  out["late_pairs"] = in.late_pairs;
  out["secrets"] = in.secrets;
  out["damaged"] = in.damaged_count;
  return json::serialize(out) + "\n";
}

Result<void> backup(Context& context, const BackupOptions& o) {
  const Interruption interruption;
  auto config = context.config();
  if (!config) return fail(config.error());
  Bars bars(stderr_is_terminal() && !context.json());
  const auto progress = [&](std::string_view step, std::uint64_t done, std::uint64_t total) {
    bars.show(step, done, total);
    return !interruption.asked();
  };
  auto made = node::back_up(**config, {o.file, !o.unverified, o.accept_damaged}, progress);
  if (!made) return fail(made.error());
  return context.show_text(context.json() ? for_programs(*made) : for_people(*made));
}

}  // namespace

void add_backup_command(CLI::App& root, Action& chosen) {
  auto o = std::make_shared<BackupOptions>();
  auto& command = add_command(root, "backup",
                              "Copy the store into one file, also while the daemon serves, and open every record of it",
                              {{"keyfob backup /var/backups/keyfob-monday.db", ""},
                               {"keyfob backup --unverified /mnt/keyfob.db", "where the master key is not at hand"}});
  command.add_option("FILE", o->file, "File to make (0600); an existing one is never overwritten")->required();
  command.add_flag("--unverified", o->unverified, "Check the structure only: the master key is not at hand here");
  command.add_flag("--accept-damaged", o->accept_damaged, "Keep the backup although some records do not open");
  command.callback([o, &chosen] { chosen = [o](Context& c) { return backup(c, *o); }; });
}

}  // namespace keyfob::cli
