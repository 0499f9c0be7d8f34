// postgres_bench URL WHAT GRANTS SECONDS [NODE OF_NODES]: what the PostgreSQL store does per second. Run by
// bench/postgres.py.
//
// WHAT: load (by primary key), find (by vehicle), refresh (begin, then commit: two durable transactions, of a grant
// that was read before), read-refresh (a look-up before each), turn (one grant in fifty: claimed in the order in which
// they are due, then refreshed), claim (64 due grants at a time), outlook (what waits), create (the tables). The grants
// were made by bench/postgres.py; NODE works on its own share of them. Says "ready", waits for a line, works, and
// prints one line of JSON; CPU is that of this process alone, from the line on.

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "store/postgres/postgres_store.hpp"

namespace {

using namespace keyfob;

constexpr int kInFlight = 64;
constexpr std::size_t kPartOfATurn = 50;
const AppId kApp("app_7f3kq2m9x4");

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void must(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "postgres_bench: %s failed\n", what);
  std::exit(1);
}

std::string numbered(const char* prefix, std::size_t number, std::size_t width) {
  auto digits = std::to_string(number);
  return prefix + std::string(width - digits.size(), '0') + digits;
}
GrantId grant_id(std::size_t number) { return GrantId(numbered("g_", number, 20)); }
VehicleId vehicle_id(std::size_t number) { return VehicleId(numbered("veh-", number, 32)); }

/// SplitMix64.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

struct Work {
  PostgresStore& store;
  std::size_t first;   ///< of this node's grants
  std::size_t grants;  ///< of this node
  NodeIdentity node;
  double until = 0;
  std::size_t done = 0;
  std::vector<GrantVersion> versions{};  ///< of its grants, where they are needed
  WallTime clock{};                      ///< of the due queue, where one is needed
};

Task<void> load(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 23 + work.first);
  while (seconds_now() < work.until) {
    GrantRef ref{kApp, grant_id(work.first + random() % work.grants)};
    const auto found = co_await work.store.load(std::move(ref));
    must(found.has_value(), "load");
    ++work.done;
  }
}

Task<void> find(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 29 + work.first);
  while (seconds_now() < work.until) {
    GrantSelector selector;
    selector.vehicle = vehicle_id(work.first + random() % work.grants);
    const auto found = co_await work.store.find(kApp, std::move(selector));
    must(found && found->size() == 1, "find");
    ++work.done;
  }
}

CommitRequest rotated(const GrantRecord& record, const NodeIdentity& node) {
  CommitRequest commit;
  const Grant& grant = record.grant;
  commit.pair = {kApp,
                 grant.id,
                 grant.version,
                 record.sealed,
                 grant.access_expires_at + hours(2),
                 grant.refresh_expires_at + hours(2),
                 grant.updated_at + hours(2)};
  commit.rotated_at = grant.updated_at + hours(2);
  commit.due_at = grant.due_at + hours(2);
  commit.renew_by = grant.renew_by + hours(2);
  commit.node = node;
  return commit;
}

/// Two durable transactions. `due`: when the grant is due again; none: two hours later than it was.
Task<GrantVersion> renew(Work& work, GrantRef ref, GrantVersion at, std::uint64_t some_number,
                         std::optional<WallTime> due) {
  BeginRequest begin{std::move(ref), at,          AttemptId(numbered("a", some_number % 1'000'000, 16)),
                     work.node,      seconds(15), {}};
  auto begun = co_await work.store.begin(std::move(begin));
  must(begun && std::holds_alternative<Begun>(*begun), "begin");
  auto commit = rotated(std::get<Begun>(*begun).record, work.node);
  if (due) commit.due_at = *due;
  auto committed = co_await work.store.commit(std::move(commit));
  must(committed && std::holds_alternative<Committed>(*committed), "commit");
  co_return std::get<Committed>(*committed).record.grant.version;
}

Task<void> refresh_once(Work& work, std::size_t number, std::uint64_t some_number) {
  auto& version = work.versions[number - work.first];
  GrantRef ref{kApp, grant_id(number)};
  version = co_await renew(work, std::move(ref), version, some_number, std::nullopt);
}

/// Each grant is of one lane alone, which remembers its version, as the engine does.
Task<void> refresh(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 17 + work.first);
  const std::size_t share = work.grants / kInFlight;
  const std::size_t first = work.first + static_cast<std::size_t>(lane) * share;
  while (seconds_now() < work.until) {
    co_await refresh_once(work, first + random() % share, random());
    ++work.done;
  }
}

/// As refresh(), with a look-up before each.
Task<void> read_and_refresh(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 17 + work.first);
  const std::size_t share = work.grants / kInFlight;
  const std::size_t first = work.first + static_cast<std::size_t>(lane) * share;
  while (seconds_now() < work.until) {
    const auto number = first + random() % share;
    GrantRef ref{kApp, grant_id(number)};
    const auto record = co_await work.store.load(std::move(ref));
    must(record.has_value(), "load");
    work.versions[number - work.first] = record->grant.version;
    co_await refresh_once(work, number, random());
    ++work.done;
  }
}

/// Reads the versions of this node's grants.
Task<void> remember(Work& work) {
  GrantFilter filter;
  filter.app = kApp;
  filter.limit = 1000;
  std::size_t number = 0;
  do {
    const auto page = co_await work.store.list(filter);
    must(page.has_value(), "list");
    for (const auto& record : page->grants) {
      const auto place = number++ - work.first;
      if (place < work.grants) work.versions[place] = record.grant.version;
    }
    filter.cursor = page->next_cursor;
  } while (!filter.cursor.empty() && number < work.first + work.grants);
}

/// To when a grant is due.
Task<void> go_on(Work& work) {
  const auto seen = co_await work.store.outlook(kApp, work.clock, 1);
  must(seen && seen->oldest_due, "outlook");
  work.clock = std::max(work.clock, *seen->oldest_due) + Milliseconds(50);
}

/// As the background does it: what is due first is claimed, refreshed, and due again when all the others have been. The
/// clock is one that goes on as fast as there is work.
Task<void> take_turn(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 31);
  while (work.done < work.grants / kPartOfATurn) {
    std::vector<DueShare> shares;
    shares.push_back({kApp, 8, 1});
    const auto claimed = co_await work.store.claim_due(std::move(shares), work.clock, minutes(30));
    must(claimed.has_value(), "claim");
    if (claimed->size() < 8) co_await go_on(work);
    for (const auto& record : *claimed) {
      const std::optional again = work.clock + minutes(60) + Milliseconds(random() % 600'000);
      GrantRef ref{kApp, record.grant.id};
      co_await renew(work, std::move(ref), record.grant.version, random(), again);
      ++work.done;
    }
  }
}

/// Held for no time: what was claimed is due again, behind the others.
Task<void> claim(Work& work, int lane) {
  if (lane > 0) co_return;
  while (seconds_now() < work.until) {
    std::vector<DueShare> shares;
    shares.push_back({kApp, 64, 8});
    const auto claimed =
        co_await work.store.claim_due(std::move(shares), from_unix_ms(1'700'000'000'000), Milliseconds(0));
    must(claimed && claimed->size() == 64, "claim");
    ++work.done;
  }
}

/// What waits, again and again.
Task<void> outlook(Work& work, int lane) {
  if (lane > 0) co_return;
  while (seconds_now() < work.until) {
    const auto seen = co_await work.store.outlook(kApp, from_unix_ms(1'700'000'000'000), 10'000);
    must(seen && seen->oldest_due, "outlook");
    ++work.done;
  }
}

Task<void> lane_of(const std::string& what, Work& work, int lane) {
  if (what == "load") return load(work, lane);
  if (what == "find") return find(work, lane);
  if (what == "refresh") return refresh(work, lane);
  if (what == "read-refresh") return read_and_refresh(work, lane);
  if (what == "turn") return take_turn(work, lane);
  if (what == "outlook") return outlook(work, lane);
  must(what == "claim", "the kind of work");
  return claim(work, lane);
}

template <class Body>
void run_all(int lanes, Body body) {
  asio::io_context context;
  const auto rethrow = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  for (int lane = 0; lane < lanes; ++lane) asio::co_spawn(context, body(lane), rethrow);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  must(argc == 5 || argc == 7, "usage: postgres_bench URL WHAT GRANTS SECONDS [NODE OF_NODES]:");
  const std::string what = argv[2];
  const auto grants = static_cast<std::size_t>(std::atoll(argv[3]));
  const double seconds = std::atof(argv[4]);
  const auto node = static_cast<std::size_t>(argc > 5 ? std::atoi(argv[5]) : 0);
  const auto nodes = static_cast<std::size_t>(argc > 5 ? std::atoi(argv[6]) : 1);
  PostgresOptions options;
  options.create = what == "create";
  auto store = PostgresStore::open(argv[1], options);
  must(store.has_value(), "open");
  if (options.create) return 0;
  const std::size_t share = grants / nodes;
  Work work{**store, node * share, share, {NodeId("node-" + std::to_string(node)), Incarnation(1)}};
  work.versions.resize(work.grants);
  if (what == "refresh") run_all(1, [&](int) { return remember(work); });
  if (what == "turn") run_all(1, [&](int) { return go_on(work); });
  std::puts("ready");
  std::fflush(stdout);
  must(std::getchar() == '\n', "the start");
  const double begin = seconds_now();
  const double cpu = cpu_now();
  work.until = begin + seconds;
  run_all(kInFlight, [&](int lane) { return lane_of(what, work, lane); });
  std::printf("{\"done\": %zu, \"seconds\": %.3f, \"cpu\": %.3f}\n", work.done, seconds_now() - begin, cpu_now() - cpu);
}
