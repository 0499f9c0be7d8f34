#include "engine/resealer.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "vault/reseal.hpp"
#include "vault/sealed_record.hpp"

namespace keyfob::engine {
namespace {

constexpr std::size_t kLatePage = 100;
constexpr Milliseconds kTurnPoll = Milliseconds(5);
constexpr Milliseconds kTick = seconds(5);
constexpr Milliseconds kBetweenPasses = seconds(10);

std::string names_of(const std::vector<DataKeyHolder>& holders) {
  std::string names;
  for (const DataKeyHolder& holder : holders) names += (names.empty() ? "" : ", ") + holder.node.str();
  return names;
}

}  // namespace

class Resealer::Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) { flag_ = true; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { flag_ = false; }

 private:
  bool& flag_;
};

std::vector<AppId> Resealer::unfinished() const {
  std::vector<AppId> apps;
  const auto snapshot = ports_.directory.snapshot();
  for (const auto& [app, view] : snapshot->applications) {
    if (snapshot->older_keys.contains(app)) apps.push_back(app);
  }
  return apps;
}

void Resealer::launch(asio::any_io_executor executor) {
  auto body = [self = shared_from_this()]() -> Task<void> { co_await self->loop(); };
  asio::co_spawn(executor, std::move(body), asio::detached);
}

Task<void> Resealer::loop() {
  while (!stopping_) {
    [[maybe_unused]] const Result<void> settled = co_await ports_.directory.settle_keys();  // else the next time
    for (const AppId& app : ports_.store == nullptr ? std::vector<AppId>() : unfinished()) {
      if (next_.contains(app) && ports_.clock.boot() < next_[app]) continue;
      co_await one_pass(app);
      next_[app] = ports_.clock.boot() + kBetweenPasses;
    }
    co_await ports_.clock.sleep(kTick);
  }
}

Task<void> Resealer::one_pass(AppId app) {
  while (!stopping_) {
    const Result<ResealProgress> progress = co_await advance(app);
    if (!progress || progress->pass_ended) {
      ports_.metrics.count("reseal_passes", progress ? "ended" : "failed");
      if (progress) ports_.metrics.count("resealed", {}, static_cast<double>(progress->moved));
      co_return;
    }
  }
}

Task<Result<ResealProgress>> Resealer::advance(AppId app) {
  if (ports_.store == nullptr) co_return fail(ErrorCode::invalid_argument, "this store cannot change its keys yet");
  if (!ports_.directory.snapshot()->find(app)) co_return fail(ErrorCode::not_found, "no such application");
  Pass& pass = passes_[app];
  while (pass.busy) co_await ports_.clock.sleep(kTurnPoll);
  const Busy busy(pass.busy);
  if (pass.cursor.empty()) {
    const Result<void> begun = co_await begin(app, pass);
    if (!begun) co_return fail(begun.error());
  }
  const Result<void> paged = co_await page(app, pass);
  if (!paged) co_return fail(paged.error());
  if (!pass.cursor.empty()) co_return pass.progress;
  const Result<void> ended = co_await end(app, pass);
  if (!ended) co_return fail(ended.error());
  pass.progress.pass_ended = true;
  co_return pass.progress;
}

/// Only a key that no node holds when the pass begins can be found unused by it: nobody seals with it meanwhile.
Task<Result<void>> Resealer::begin(AppId app, Pass& pass) {
  const Result<void> settled = co_await ports_.directory.settle_keys();
  if (!settled) co_return settled;
  Result<std::vector<DataKeyInfo>> keys = co_await ports_.directory.data_keys();
  if (!keys) co_return fail(keys.error());
  pass.candidates.clear();
  pass.named.clear();
  pass.progress = {};
  for (const DataKeyInfo& key : *keys) {
    if (key.app == app && !key.primary && key.holders.empty()) pass.candidates.insert(key.id);
  }
  co_return Result<void>();
}

void Resealer::note_named(const GrantRecord& record, DataKeyId primary, Pass& pass) {
  for (const DataKeyId key : vault::data_keys_of(record)) {
    if (key != primary) pass.named.insert(key);
  }
}

std::vector<ResealedGrant> Resealer::resealed(const std::vector<GrantRecord>& grants, Pass& pass) {
  std::vector<ResealedGrant> batch;
  for (const GrantRecord& record : grants) {
    ++pass.progress.seen;
    const auto keyring = ports_.directory.snapshot()->keyring;
    const vault::DataKey* primary = keyring->primary(record.grant.app);
    if (primary == nullptr) continue;
    const std::vector<DataKeyId> named = vault::data_keys_of(record);
    if (std::ranges::all_of(named, [&](DataKeyId key) { return key == primary->id(); })) continue;
    // Whoever has an attempt compares sealed bytes to know its own commit; such a grant moves when it rotates.
    if (record.grant.attempt) {
      ++pass.progress.left;
      note_named(record, primary->id(), pass);
      continue;
    }
    auto moved = vault::reseal_record(*keyring, record, {ports_.sealer.nonce(), ports_.sealer.nonce()});
    if (!moved) {
      ++pass.progress.damaged;
      note_named(record, primary->id(), pass);
      continue;
    }
    batch.push_back({{record.grant.app, record.grant.id},
                     record.grant.version,
                     {record.sealed, record.association_mac},
                     {std::move(moved->pair), std::move(moved->association_mac)}});
  }
  return batch;
}

Task<Result<void>> Resealer::page(AppId app, Pass& pass) {
  const KeyHold held = ports_.directory.hold_key(app);
  const BootTime began = ports_.clock.boot();
  GrantFilter filter;
  filter.app = app;
  filter.cursor = pass.cursor;
  filter.limit = limits_.page;
  Result<GrantPage> page = co_await ports_.reader.list(std::move(filter));
  if (!page) co_return fail(page.error());
  std::vector<ResealedGrant> batch = resealed(page->grants, pass);
  const std::size_t sent = batch.size();
  if (sent > 0) {
    const Result<std::size_t> took = co_await ports_.store->reseal(std::move(batch));
    if (!took) co_return fail(took.error());
    pass.progress.moved += *took;
    pass.progress.left += sent - *took;
    // Which of them did not take is not known: none of their keys is retired in this pass.
    if (*took < sent) pass.candidates.clear();
  }
  pass.cursor = std::move(page->next_cursor);
  if (limits_.max_rate == 0 || sent == 0) co_return Result<void>();
  const Milliseconds due(static_cast<std::int64_t>(sent * 1000 / limits_.max_rate));
  const Milliseconds spent = ports_.clock.boot() - began;
  if (spent < due) co_await ports_.clock.sleep(due - spent);
  co_return Result<void>();
}

Task<Result<void>> Resealer::move_late_pairs(DataKeyRef key, bool& all) {
  const KeyHold held = ports_.directory.hold_key(key.app);
  DataKeyRef wanted = key;
  Result<std::vector<KeptPair>> pairs = co_await ports_.store->late_under(std::move(wanted), kLatePage);
  if (!pairs) co_return fail(pairs.error());
  all = pairs->size() < kLatePage;
  for (KeptPair& old : *pairs) {
    const auto keyring = ports_.directory.snapshot()->keyring;
    Result<KeptPair> fresh = vault::reseal_kept(*keyring, old, {ports_.sealer.nonce(), ports_.sealer.nonce()});
    if (!fresh) {
      all = false;
      continue;
    }
    const Result<bool> replaced = co_await ports_.store->replace_late(std::move(old), std::move(*fresh));
    if (!replaced) co_return fail(replaced.error());
  }
  co_return Result<void>();
}

/// Empty: nothing keeps it any more, and it is retired.
Task<Result<std::string>> Resealer::why_kept(DataKeyRef key, const Pass& pass) {
  if (!pass.candidates.contains(key.id)) co_return std::string("another pass has to look at every record again");
  if (pass.named.contains(key.id)) co_return std::string("records that could not be moved are sealed with it");
  bool all = true;
  DataKeyRef of_late = key;
  const Result<void> moved = co_await move_late_pairs(std::move(of_late), all);
  if (!moved) co_return fail(moved.error());
  if (!all) co_return std::string("late pairs are sealed with it");
  Bytes header = vault::record_header(key.id);
  AppId app = key.app;
  const Result<bool> consents =
      co_await ports_.store->consents_under(std::move(app), std::move(header), ports_.clock.wall());
  if (!consents) co_return fail(consents.error());
  if (*consents) co_return std::string("a consent that is under way keeps its verifier under it");
  const Result<void> retired = co_await ports_.directory.retire_data_key(std::move(key));
  if (retired) co_return std::string();
  if (retired.error().code == ErrorCode::conflict) co_return retired.error().what;
  co_return fail(retired.error());
}

Task<Result<void>> Resealer::end(AppId app, Pass& pass) {
  AppId of_secrets = app;
  const Result<void> secrets = co_await ports_.directory.reseal_secrets(std::move(of_secrets));
  const bool secrets_stay = !secrets && secrets.error().code == ErrorCode::damaged;
  if (!secrets && !secrets_stay) co_return secrets;
  Result<std::vector<DataKeyInfo>> keys = co_await ports_.directory.data_keys();
  if (!keys) co_return fail(keys.error());
  for (const DataKeyInfo& key : *keys) {
    if (key.app != app || key.primary) continue;
    std::string why = secrets_stay          ? "a secret of the application does not open"
                      : key.holders.empty() ? std::string()
                                            : "in use by node " + names_of(key.holders);
    if (why.empty()) {
      DataKeyRef ref{app, key.id};
      Result<std::string> reason = co_await why_kept(std::move(ref), pass);
      if (!reason) co_return fail(reason.error());
      why = std::move(*reason);
    }
    if (why.empty()) {
      pass.progress.retired.push_back(key.id);
    } else {
      pass.progress.kept.push_back({key.id, std::move(why)});
    }
  }
  if (pass.progress.retired.empty()) co_return Result<void>();
  Result<void> loaded = co_await ports_.directory.load();
  co_return loaded;
}

}  // namespace keyfob::engine
