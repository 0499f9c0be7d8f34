// postgres_bench URL WHAT GRANTS SECONDS [NODE OF_NODES]: what the PostgreSQL store does per second. Run by
// bench/postgres.py.
//
// WHAT: load (by primary key), find (by vehicle), refresh (begin, then commit: two durable transactions), claim (64 due
// grants at a time). The grants were made by bench/postgres.py; NODE works on its own share of them. Prints one line of
// JSON; CPU is that of this process alone.

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/postgres/postgres_store.hpp"

namespace {

using namespace keyfob;

constexpr int kInFlight = 64;
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

Task<void> refresh(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 17 + work.first);
  const std::size_t share = work.grants / kInFlight;
  const std::size_t first = work.first + static_cast<std::size_t>(lane) * share;
  while (seconds_now() < work.until) {
    GrantRef ref{kApp, grant_id(first + random() % share)};
    auto record = co_await work.store.load(ref);
    must(record.has_value(), "load");
    BeginRequest begin{ref,       record->grant.version, AttemptId(numbered("a", random() % 1'000'000, 16)),
                       work.node, seconds(15),           {}};
    auto begun = co_await work.store.begin(std::move(begin));
    must(begun && std::holds_alternative<Begun>(*begun), "begin");
    auto committed = co_await work.store.commit(rotated(*record, work.node));
    must(committed && std::holds_alternative<Committed>(*committed), "commit");
    ++work.done;
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

Task<void> lane_of(const std::string& what, Work& work, int lane) {
  if (what == "load") return load(work, lane);
  if (what == "find") return find(work, lane);
  if (what == "refresh") return refresh(work, lane);
  must(what == "claim", "the kind of work");
  return claim(work, lane);
}

}  // namespace

int main(int argc, char** argv) {
  must(argc == 5 || argc == 7, "usage: postgres_bench URL WHAT GRANTS SECONDS [NODE OF_NODES]:");
  const std::string what = argv[2];
  const auto grants = static_cast<std::size_t>(std::atoll(argv[3]));
  const double seconds = std::atof(argv[4]);
  const auto node = static_cast<std::size_t>(argc > 5 ? std::atoi(argv[5]) : 0);
  const auto nodes = static_cast<std::size_t>(argc > 5 ? std::atoi(argv[6]) : 1);
  auto store = PostgresStore::open(argv[1], {});
  must(store.has_value(), "open");
  const std::size_t share = grants / nodes;
  Work work{**store, node * share, share, {NodeId("node-" + std::to_string(node)), Incarnation(1)}};
  const double begin = seconds_now();
  const double cpu = cpu_now();
  work.until = begin + seconds;
  asio::io_context context;
  const auto rethrow = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  for (int lane = 0; lane < kInFlight; ++lane) asio::co_spawn(context, lane_of(what, work, lane), rethrow);
  context.run();
  std::printf("{\"done\": %zu, \"seconds\": %.3f, \"cpu\": %.3f}\n", work.done, seconds_now() - begin, cpu_now() - cpu);
}
