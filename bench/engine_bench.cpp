// engine_bench [--dir DIR] [--seconds S] [GRANTS...]: the whole engine over SQLite and a file spool, with a provider
// that answers at once.
//
// Per size: tokens from memory (try_get), tokens through the store (every look-up misses the cache), and durable
// refreshes with 64 in flight: attempt, exchange, sealed commit, everything a real refresh does but the network. CPU is
// that of the whole process. First: one step of the refresh machine. Prints a table; --json FILE writes the same as
// JSON.

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "core/refresh_machine.hpp"
#include "crypto/random.hpp"
#include "engine/engine.hpp"
#include "spool/file_spool.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "telemetry/null_metrics.hpp"
#include "testing/fakes.hpp"

namespace {

using namespace keyfob;

constexpr int kInFlight = 64;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void must(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "engine_bench: %s\n", what.c_str());
  std::exit(1);
}

class RealClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override {
    return WallTime(std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch()));
  }
  [[nodiscard]] BootTime boot() const override {
    return BootTime(std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch()));
  }
  Task<void> sleep(Milliseconds d) override {
    asio::steady_timer timer(co_await asio::this_coro::executor, d);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
};

class RealRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override { crypto::random_bytes(out); }
};

/// Rotates at once: what remains is our own cost.
class InstantProvider final : public TokenEndpoint, public ProviderApi {
 public:
  Task<TokenAnswer> exchange(TokenRequest, ExchangeLimits) override {
    const std::string text = fmt::format("00000000-0000-4000-8000-{:012x}", ++minted_);
    TokenAnswer answer;
    answer.disposition = Disposition::done;
    answer.status = 200;
    answer.access = AccessToken(text);
    answer.refresh = RefreshToken(text);
    answer.expires_in = hours(2);
    co_return answer;
  }
  Task<Result<Identity>> identity(std::string, AccessToken) override {
    co_return fail(ErrorCode::unavailable, "not here");
  }
  Task<Result<void>> revoke(Revocation) override { co_return Result<void>(); }

 private:
  std::uint64_t minted_ = 0;
};

struct Bench {
  Bench(const std::string& folder, std::size_t how_many) : grants(how_many) {
    SqliteOptions options;
    options.create = true;
    auto opened = SqliteStore::open(folder + "/engine-" + std::to_string(how_many) + ".db", options);
    must(opened.has_value(), "the store cannot be opened");
    store = std::move(*opened);
    const std::string spool_folder = folder + "/spool-" + std::to_string(how_many);
    std::filesystem::create_directories(spool_folder);
    std::filesystem::permissions(spool_folder, std::filesystem::perms::owner_all);
    auto slots = FileSpool::open(spool_folder, {});
    must(slots.has_value(), "the spool cannot be opened");
    spool = std::move(*slots);
    engine::EnginePorts ports{*store, *store,   *store,   *store, *store, *store, *store, *store, *store, *store,
                              *store, provider, provider, *spool, master, clock,  random, events, metrics};
    auto profile = std::make_shared<ProviderProfile>();
    profile->name = "smartcar";
    engine::Directory::Profiles profiles;
    profiles.emplace("smartcar", std::move(profile));
    engine::EngineConfig config;
    config.max_rate = 1;
    engine = std::make_unique<engine::Engine>(context.get_executor(), ports, config,
                                              NodeIdentity{NodeId("bench"), Incarnation(1)}, std::move(profiles));
  }

  std::size_t grants;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> busy{
      context.get_executor()};  // the store answers from its threads
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<FileSpool> spool;
  InstantProvider provider;
  testing::FakeMasterKey master;
  RealClock clock;
  RealRandom random;
  testing::RecordingEvents events;
  telemetry::NullMetrics metrics;
  std::unique_ptr<engine::Engine> engine;
  AppId app;
  std::vector<GrantRef> refs;
  double until = 0;
  std::size_t done = 0;
};

std::string vehicle_of(std::size_t number) {
  return fmt::format("{:08x}-aaaa-4bbb-8ccc-{:012x}", number * 2654435761U % 0xffffffffU, number);
}

Task<void> prepare(Bench& bench) {
  engine::ApplicationEdit edit;
  edit.client_id = "client";
  edit.client_secret = ClientSecret("secret");
  const auto loaded = co_await bench.engine->load();
  must(loaded.has_value(), "load");
  const auto added = co_await bench.engine->directory().add_application("bench", std::move(edit));
  must(added.has_value(), "add_application");
  bench.app = added->id;
  for (std::size_t at = 0; at < bench.grants;) {
    std::vector<engine::NewGrant> batch;
    for (; at < bench.grants && batch.size() < 1000; ++at) {
      engine::NewGrant& grant = batch.emplace_back();
      grant.user = UserId("user-" + std::to_string(at));
      grant.vehicles = {VehicleId(vehicle_of(at))};
      grant.pair = {AccessToken("00000000-1111-4111-8111-000000000000"),
                    RefreshToken("00000000-2222-4222-8222-000000000000")};
      grant.expires_in = hours(2);
    }
    const auto imported = co_await bench.engine->grants().import_many(bench.app, std::move(batch));
    must(imported.has_value(), "import_many");
    for (const auto& one : *imported) {
      must(one.has_value(), "import");
      bench.refs.push_back({bench.app, one->grant.id});
    }
  }
}

Task<void> start(Bench& bench) {
  const auto started = co_await bench.engine->start();
  must(started.has_value(), "start");
}

Task<void> refresh_lane(Bench& bench, int lane) {
  std::mt19937_64 dice(static_cast<unsigned>(lane) + 3);
  const std::size_t share = bench.grants / kInFlight;
  while (seconds_now() < bench.until) {
    GrantRef ref = bench.refs[static_cast<std::size_t>(lane) * share + dice() % share];
    const auto refreshed = co_await bench.engine->refresh(std::move(ref), seconds(30));
    must(refreshed.has_value(), "refresh: " + (refreshed ? std::string() : refreshed.error().detail));
    ++bench.done;
  }
}

Task<void> store_lane(Bench& bench, int lane) {
  std::mt19937_64 dice(static_cast<unsigned>(lane) + 5);
  while (seconds_now() < bench.until) {
    const auto token = co_await bench.engine->get(bench.app, "", vehicle_of(dice() % bench.grants), seconds(5));
    must(token.has_value(), "get");
    ++bench.done;
  }
}

struct Row {
  std::string what;
  std::size_t grants;
  double per_second;
  double cpu_us;
};
std::vector<Row> rows;

void report(const std::string& what, std::size_t grants, double done, double took, double cpu) {
  rows.push_back({what, grants, done / took, cpu / done * 1e6});
  std::printf("  %-44s %9zu grants %12.0f /s %9.3f us CPU each\n", what.c_str(), grants, done / took, cpu / done * 1e6);
  std::fflush(stdout);
}

template <class Lane>
void measure(Bench& bench, const std::string& what, double seconds, int in_flight, Lane lane) {
  const auto rethrow = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  bench.done = 0;
  const double begin = seconds_now();
  const double cpu = cpu_now();
  bench.until = begin + seconds;
  int left = in_flight;
  for (int i = 0; i < in_flight; ++i) {
    asio::co_spawn(bench.context, lane(bench, i), [&left, rethrow](const std::exception_ptr& thrown) {
      rethrow(thrown);
      --left;
    });
  }
  bench.context.restart();
  while (left > 0) bench.context.run_one();
  report(what, bench.grants, static_cast<double>(bench.done), seconds_now() - begin, cpu_now() - cpu);
}

void measure_hot(Bench& bench, double seconds) {
  std::mt19937_64 dice(9);
  const std::size_t warm = std::min<std::size_t>(bench.grants, 100'000);
  std::vector<std::string> vehicles;
  for (std::size_t i = 0; i < warm; ++i) vehicles.push_back(vehicle_of(dice() % bench.grants));
  for (const std::string& vehicle : vehicles) {
    bool got = false;
    asio::co_spawn(bench.context, bench.engine->get(bench.app, "", vehicle, keyfob::seconds(5)),
                   [&](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>& token) {
                     got = token.has_value();
                   });
    while (!got) bench.context.run_one();
  }
  TokenSlot slot;
  std::size_t served = 0;
  const double begin = seconds_now();
  const double cpu = cpu_now();
  while (seconds_now() - begin < seconds) {
    for (int i = 0; i < 1000; ++i) {
      const bool got = bench.engine->try_get(bench.app, Subject{.vehicle = vehicles[dice() % vehicles.size()]}, slot);
      served += got ? 1 : 0;
      slot.clear();
    }
    bench.context.poll();
  }
  must(served > 0, "nothing was served from memory");
  report("token from memory (try_get)", bench.grants, static_cast<double>(served), seconds_now() - begin,
         cpu_now() - cpu);
}

void measure_machine() {
  constexpr std::size_t kRounds = 2'000'000;
  const BootTime now{Milliseconds(1'000'000)};
  const double cpu = cpu_now();
  const double begin = seconds_now();
  std::size_t steps = 0;
  for (std::size_t i = 0; i < kRounds; ++i) {
    RefreshMachine machine({}, false);
    steps += machine.step(refresh::Started{}, now, 1).kind == RefreshAction::Kind::begin;
    steps += machine.step(refresh::Begun{}, now, 2).kind == RefreshAction::Kind::exchange;
    steps +=
        machine.step(refresh::Answered{0, Disposition::done, true, true}, now, 3).kind == RefreshAction::Kind::commit;
    steps += machine.step(refresh::Committed{}, now, 4).kind == RefreshAction::Kind::finish;
  }
  must(steps == kRounds * 4, "the machine took another way");
  report("one step of the refresh machine", 0, static_cast<double>(steps), seconds_now() - begin, cpu_now() - cpu);
}

void run(const std::string& folder, std::size_t grants, double seconds) {
  Bench bench(folder, grants);
  const double begin = seconds_now();
  const double cpu = cpu_now();
  bool ready = false;
  asio::co_spawn(bench.context, prepare(bench), [&](const std::exception_ptr&) { ready = true; });
  while (!ready) bench.context.run_one();
  report("import (sealed, 1000 a call)", grants, static_cast<double>(grants), seconds_now() - begin, cpu_now() - cpu);
  ready = false;
  asio::co_spawn(bench.context, start(bench), [&](const std::exception_ptr&) { ready = true; });
  while (!ready) bench.context.run_one();
  measure(bench, "token through the store, 1 at once", seconds, 1, store_lane);
  measure(bench, "token through the store, 64 at once", seconds, kInFlight, store_lane);
  measure_hot(bench, seconds);
  measure(bench, "durable refresh, 64 in flight", seconds, kInFlight, refresh_lane);
  bench.engine.reset();
}

void write_json(const std::string& file) {
  std::ofstream out(file);
  out << "[";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out << (i == 0 ? "" : ",") << "\n  {\"what\": \"" << rows[i].what << "\", \"grants\": " << rows[i].grants
        << ", \"per_second\": " << rows[i].per_second << ", \"cpu_us\": " << rows[i].cpu_us << "}";
  }
  out << "\n]\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "keyfob-engine-bench";
  std::string json;
  double seconds = 3;
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--dir" && i + 1 < argc) {
      folder = argv[++i];
    } else if (argument == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      sizes.push_back(static_cast<std::size_t>(std::strtoull(argument.c_str(), nullptr, 10)));
    }
  }
  if (sizes.empty()) sizes = {1'000, 100'000};
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  measure_machine();
  for (const std::size_t grants : sizes) run(folder, grants, seconds);
  std::filesystem::remove_all(folder);
  if (!json.empty()) write_json(json);
  return 0;
}
