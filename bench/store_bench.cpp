// store_bench [--dir DIR] [--seconds S] [GRANTS...]: what the SQLite store costs at each size.
//
// Per size: import through put() in batches of 1000, look-ups by vehicle (one at a time and 64 at once), and durable
// refreshes (begin, then commit: two transactions) with 64 in flight, and ticks of the due queue: one with nothing due,
// one that claims 50 (a second's worth at the default rate), one look at what waits. CPU is that of the whole process.

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "store/sqlite/sqlite_store.hpp"

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

/// SplitMix64: cheap enough not to be what is measured.
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

std::string uuid_like(std::uint64_t number, unsigned salt) {
  constexpr char kDigits[] = "0123456789abcdef";
  Numbers random(number * 64 + salt);
  std::string text(36, '-');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 16 == 0) bits = random();
    if (i != 8 && i != 13 && i != 18 && i != 23) text[i] = kDigits[bits & 15];
    bits >>= 4;
  }
  return text;
}

Bytes sealed_like(std::uint64_t number, unsigned salt, std::size_t size) {
  Numbers random(number * 64 + salt);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

GrantId grant_id(std::size_t number) { return GrantId("g_" + uuid_like(number, 1).substr(0, 20)); }
VehicleId vehicle_id(std::size_t number) { return VehicleId(uuid_like(number, 2)); }

GrantRecord make_grant(std::size_t number) {
  GrantRecord record;
  Grant& grant = record.grant;
  grant.app = kApp;
  grant.id = grant_id(number);
  grant.user = UserId("user-" + std::to_string(number));
  grant.provider_user = ProviderUserId(uuid_like(number, 3));
  grant.vehicles = {vehicle_id(number)};
  grant.scope = "read_vehicle_info read_odometer read_location read_battery";
  grant.version = {Generation(1), Epoch(1)};
  grant.created_at = grant.updated_at = from_unix_ms(1'700'000'000'000);
  grant.access_expires_at = grant.created_at + hours(2);
  grant.refresh_expires_at = grant.created_at + days(60);
  grant.due_at = grant.created_at + days(53) + Milliseconds(number * 37);
  record.sealed = {sealed_like(number, 4, 36 + 48), sealed_like(number, 5, 36 + 48)};
  record.association_mac = sealed_like(number, 6, 32);
  return record;
}

template <class Body>
void run(asio::io_context& context, int in_flight, Body body) {
  const auto rethrow = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  for (int i = 0; i < in_flight; ++i) asio::co_spawn(context, body(i), rethrow);
  context.restart();
  context.run();
}

void must(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "store_bench: %s failed\n", what);
  std::exit(1);
}

Task<void> load_grants(SqliteStore& store, std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to;) {
    std::vector<PutRequest> batch;
    for (; at < to && batch.size() < 1000; ++at) batch.push_back({make_grant(at), std::nullopt});
    const auto answers = co_await store.put(std::move(batch));
    must(answers && answers->front().has_value(), "put");
  }
}

struct Work {
  SqliteStore& store;
  std::size_t grants;
  double until = 0;
  std::size_t done = 0;
};

Task<void> refresh_again_and_again(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 17);
  const NodeIdentity node{NodeId("node-4f9a2c81"), Incarnation(1)};
  const std::size_t share = work.grants / kInFlight;
  while (seconds_now() < work.until) {
    const std::size_t number = static_cast<std::size_t>(lane) * share + random() % share;
    const GrantRef ref{kApp, grant_id(number)};
    auto record = co_await work.store.load(ref);
    must(record.has_value(), "load");
    BeginRequest begin{ref, record->grant.version, AttemptId(uuid_like(random(), 7)), node, seconds(15), {}};
    auto begun = co_await work.store.begin(std::move(begin));
    must(begun && std::holds_alternative<Begun>(*begun), "begin");
    CommitRequest commit;
    commit.pair = {kApp,
                   ref.grant,
                   record->grant.version,
                   record->sealed,
                   record->grant.access_expires_at + hours(2),
                   record->grant.refresh_expires_at + hours(2),
                   record->grant.updated_at + hours(2)};
    commit.rotated_at = record->grant.updated_at + hours(2);
    commit.due_at = record->grant.due_at + hours(2);
    commit.node = node;
    auto committed = co_await work.store.commit(std::move(commit));
    must(committed && std::holds_alternative<Committed>(*committed), "commit");
    ++work.done;
  }
}

Task<void> look_up_again_and_again(Work& work, int lane) {
  Numbers random(static_cast<unsigned>(lane) + 23);
  while (seconds_now() < work.until) {
    GrantSelector selector;
    selector.vehicle = vehicle_id(random() % work.grants);
    auto found = co_await work.store.find(kApp, std::move(selector));
    must(found && found->size() == 1, "find");
    ++work.done;
  }
}

/// Nothing is due yet: what each second costs while all is well.
Task<void> idle_ticks(Work& work, int) {
  const NodeIdentity node{NodeId("node-4f9a2c81"), Incarnation(1)};
  const WallTime before_all = from_unix_ms(1'700'000'000'000);
  while (seconds_now() < work.until) {
    const auto attempts = co_await work.store.abandoned(node, 512);
    std::vector<DueShare> shares(1, DueShare{kApp, 50, 25});
    const auto claimed = co_await work.store.claim_due(std::move(shares), before_all, seconds(60));
    must(attempts && claimed && claimed->empty(), "idle tick");
    ++work.done;
  }
}

/// 50 grants are due in each tick.
Task<void> busy_ticks(Work& work, int) {
  WallTime now = from_unix_ms(1'700'000'000'000) + days(53);
  const std::size_t ticks = work.grants / 50;
  while (seconds_now() < work.until && work.done < ticks) {
    now += Milliseconds(50 * 37);
    std::vector<DueShare> shares(1, DueShare{kApp, 50, 25});
    const auto claimed = co_await work.store.claim_due(std::move(shares), now, days(3650));
    must(claimed && claimed->size() >= 49, "busy tick");
    ++work.done;
  }
}

Task<void> looks_at_the_queue(Work& work, int) {
  const WallTime now = from_unix_ms(1'700'000'000'000);
  while (seconds_now() < work.until) {
    const auto outlook = co_await work.store.outlook(kApp, now, 10'000);
    must(outlook && outlook->oldest_due.has_value(), "outlook");
    ++work.done;
  }
}

template <class Lane>
void measure(const char* what, SqliteStore& store, std::size_t grants, double seconds, int in_flight, Lane lane) {
  asio::io_context context;
  Work work{store, grants};
  const double begin = seconds_now();
  const double cpu = cpu_now();
  work.until = begin + seconds;
  run(context, in_flight, [&](int number) { return lane(work, number); });
  const double took = seconds_now() - begin;
  const auto done = static_cast<double>(work.done);
  std::printf("  %-29s %10.0f /s   %8.1f us each   %7.1f us CPU\n", what, done / took, took / done * 1e6 * in_flight,
              (cpu_now() - cpu) / done * 1e6);
}

void bench(const std::string& folder, std::size_t grants, double seconds) {
  const std::string path = folder + "/bench-" + std::to_string(grants) + ".db";
  SqliteOptions options;
  options.create = true;
  auto store = SqliteStore::open(path, options);
  must(store.has_value(), "open");
  std::printf("%zu grants\n", grants);
  asio::io_context context;
  const double begin = seconds_now();
  const double cpu = cpu_now();
  run(context, 1, [&](int) { return load_grants(**store, 0, grants); });
  const double took = seconds_now() - begin;
  std::printf("  %-29s %10.0f /s   %24.1f us CPU\n", "import (put, 1000 a batch)", static_cast<double>(grants) / took,
              (cpu_now() - cpu) / static_cast<double>(grants) * 1e6);
  measure("find by vehicle, 1 at once", **store, grants, seconds, 1, look_up_again_and_again);
  measure("find by vehicle, 64 at once", **store, grants, seconds, kInFlight, look_up_again_and_again);
  measure("due queue: tick, nothing due", **store, grants, seconds / 2, 1, idle_ticks);
  measure("due queue: look at it", **store, grants, seconds / 2, 1, looks_at_the_queue);
  measure("due queue: tick, 50 claimed", **store, grants, seconds / 2, 1, busy_ticks);
  measure("refresh (begin + commit), 64", **store, grants, seconds, kInFlight, refresh_again_and_again);
  store->reset();
  std::printf("  %-29s %10.0f bytes\n", "file per grant",
              static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(grants));
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "keyfob-store-bench";
  double seconds = 2;
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--dir" && i + 1 < argc) {
      folder = argv[++i];
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      sizes.push_back(static_cast<std::size_t>(std::strtoull(argument.c_str(), nullptr, 10)));
    }
  }
  if (sizes.empty()) sizes = {1000, 100000, 1000000};
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const auto grants : sizes) bench(folder, grants, seconds);
  std::filesystem::remove_all(folder);
}
