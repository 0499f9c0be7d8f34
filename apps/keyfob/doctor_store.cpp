// The store: its schema, the key that opens it, and whether it is older than it should be.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "apps/keyfob/doctor.hpp"
#include "apps/keyfob/durable_file.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/node_state.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "apps/keyfob/overview.hpp"
#include "store/sqlite/backup.hpp"

namespace keyfob::cli {
namespace {

std::filesystem::path settled_file(const config::Config& config) {
  return node::StatePaths{config.node.state_dir}.dir / "restore-settled";
}

/// Cuts before this were dealt with.
std::string settled_at(const config::Config& config) {
  auto text = node::read_small_file(settled_file(config));
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return *text;
}

Finding restored(std::string what) {
  return {"restored_backup", Health::problem, std::move(what),
          "every refresh since then has used up the refresh token that this store holds: those grants need their "
          "owner's consent again, and none of them shows it until it is tried",
          "make sure that the original does not run any more, then `keyfob doctor --probe`: it refreshes every grant "
          "once and says which live"};
}

}  // namespace

Finding examine_schema(const config::Config& config) {
  const auto found = node::schemas_of(config.store);
  if (!found)
    return {"store", Health::problem, "the store cannot be read: " + found.error().what,
            "without its store Keyfob has no token to hand out",
            found.error().hint.empty() ? "check [store] url and that the store is there" : found.error().hint};
  const auto [there, known] = *found;
  if (there == known) return {"store", Health::ok, fmt::format("readable, schema {}", there)};
  const bool older = there < known;
  return {"store", Health::problem,
          fmt::format("the store has schema {}, this program {} {}", there, older ? "writes" : "knows only", known),
          older ? "the first start of this program changes the store for good: an older program refuses it afterwards"
                : "a program that does not know the schema could lose what it does not understand, so it refuses",
          older ? "take a backup, then start the new keyfob: it migrates by itself (docs/how-to/upgrade.md)"
                : "run the newer keyfob; to go back, restore the backup that was taken before the upgrade"};
}

Finding examine_master_key(const config::Config& config, const Symptoms& symptoms) {
  const std::string why = "without the master key nothing in the store can be opened, now or after the next start";
  const std::string todo = "point [keys] master (or [keys] also) at the key that this store was made with";
  std::vector<std::string> at_hand;
  std::vector<std::string> references = config.keys.also;
  references.insert(references.begin(), config.keys.master);
  for (const auto& reference : references) {
    auto key = node::open_master_key(reference);
    if (!key) {
      const std::string what = "a master key cannot be opened: " + key.error().what;
      return {"master_key", Health::problem, what, why, key.error().hint.empty() ? todo : key.error().hint};
    }
    at_hand.push_back((*key)->fingerprint());
  }
  if (symptoms.unreachable) {
    if (symptoms.unreachable->what.contains("master key"))
      return {"master_key", Health::problem, symptoms.unreachable->what, why, todo};
    return {"master_key", Health::skipped, "the store's keys could not be listed"};
  }
  const auto wrapped = elements_of(symptoms.keys, "keys");
  for (const auto* key : wrapped) {
    const std::string master = text_of(*key, "master");
    if (std::ranges::find(at_hand, master) == at_hand.end())
      return {"master_key", Health::problem,
              fmt::format("data keys are wrapped by master key {}, which is not at hand (at hand: {})", master,
                          fmt::join(at_hand, ", ")),
              why, todo};
  }
  return {"master_key", Health::ok, fmt::format("opens all {} data keys", wrapped.size())};
}

Finding examine_restored(const config::Config& config, const Symptoms& symptoms) {
  if (const std::string path = node::sqlite_path(config.store); !path.empty()) {
    const auto copied = sqlite::copied_at(path);
    if (!copied) return {"restored_backup", Health::skipped, copied.error().what};
    if (*copied)
      return restored(fmt::format("this store was restored from a backup taken at {}", to_rfc3339(**copied)));
  }
  if (symptoms.unreachable) return {"restored_backup", Health::skipped, "the audit trail could not be asked"};
  const std::string settled = settled_at(config);
  for (const auto* cut : elements_of(symptoms.cuts, "entries")) {
    const std::string at = text_of(*cut, "at");
    if (at > settled)
      return restored(
          fmt::format("at {} the store ended before what this node had written to it already: it is an "
                      "older copy (a restored file, a snapshot, a failover that lost commits)",
                      at));
  }
  return {"restored_backup", Health::ok, "the store is not an older copy of itself"};
}

Result<void> settle_restored(const config::Config& config, WallTime now) {
  if (const std::string path = node::sqlite_path(config.store); !path.empty())
    if (auto forgotten = sqlite::forget_copied(path); !forgotten) return forgotten;
  return node::replace_file(settled_file(config), to_rfc3339(now) + "\n");
}

}  // namespace keyfob::cli
