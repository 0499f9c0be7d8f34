// simulation: runs of the simulated world by seed, each checked for I1 to I8 at every step and for liveness at its end
// (docs/simulation.md). A seed that fails is run again with its trace, which is the same run, step for step.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "testing/sim/simulation.hpp"

namespace {

namespace simulated = keyfob::simulated;
using simulated::Outcome;
using Timer = std::chrono::steady_clock;

constexpr std::size_t kTail = 80;   // lines of a failing run's trace that are printed
constexpr int kFailuresShown = 10;  // then enough is known
constexpr int kRefreshes = 100;     // a run has at least so many
constexpr int kFaults = 20;
constexpr std::uint64_t kEverythingWithin = 1000;  // runs in which every kind of trouble has to come

struct Options {
  std::uint64_t seed = 0;
  bool trace = false;
  std::uint64_t from = 1;
  std::uint64_t runs = 5000;
  double seconds = 0;
  bool mutants = false;
  std::string mutant{};
};

struct Sums {
  std::uint64_t runs = 0;
  long refreshes = 0;
  long faults = 0;
  int fewest_refreshes = 1'000'000;
  int fewest_faults = 1'000'000;
  double virtual_s = 0;
  int failed = 0;
  simulated::Weather::Counts struck{};
  long long_deaths = 0;
  long hang_ups = 0;
  long consents = 0;
  long lost_commits = 0;

  /// A run that failed ended early: it says nothing about the fewest.
  void add(const Outcome& outcome) {
    ++runs;
    refreshes += outcome.refreshes;
    faults += outcome.faults;
    virtual_s += static_cast<double>(outcome.lasted.count()) / 1000;
    long_deaths += outcome.long_deaths;
    hang_ups += outcome.hang_ups;
    consents += outcome.consents;
    lost_commits += outcome.lost_commits;
    for (std::size_t i = 0; i < struck.size(); ++i) struck.at(i) += outcome.struck.at(i);
    if (!outcome.violation.empty()) return;
    fewest_refreshes = std::min(fewest_refreshes, outcome.refreshes);
    fewest_faults = std::min(fewest_faults, outcome.faults);
  }
  [[nodiscard]] bool enough() const {
    return runs > static_cast<std::uint64_t>(failed) && fewest_refreshes >= kRefreshes && fewest_faults >= kFaults;
  }
  /// Every kind of trouble has come.
  [[nodiscard]] bool everything() const {
    const auto came = [](long n) { return n > 0; };
    return std::ranges::all_of(struck, came) && long_deaths > 0 && hang_ups > 0 && consents > 0 && lost_commits > 0;
  }
};

double since(Timer::time_point began) { return std::chrono::duration<double>(Timer::now() - began).count(); }

void print_trace(const Outcome& outcome, std::size_t lines) {
  const std::size_t first = outcome.trace.size() - std::min(lines, outcome.trace.size());
  if (first > 0) fmt::print("... {} lines before; `simulation --seed N --trace` prints them all\n", first);
  for (std::size_t i = first; i < outcome.trace.size(); ++i) fmt::print("{}\n", outcome.trace[i]);
}

int replay(const Options& options) {
  const auto& all = simulated::mutants();
  const auto mutant = std::ranges::find(all, options.mutant, &simulated::Mutant::name);
  const Outcome outcome = simulated::simulate(options.seed, mutant == all.end() ? nullptr : &*mutant, true);
  if (options.trace) print_trace(outcome, outcome.trace.size());
  const double seconds = static_cast<double>(outcome.lasted.count()) / 1000;
  const std::string verdict = outcome.violation.empty() ? "every invariant held" : "VIOLATED " + outcome.violation;
  fmt::print("seed {}: {} refreshes, {} faults, {:.1f} s of virtual time: {}\n", options.seed, outcome.refreshes,
             outcome.faults, seconds, verdict);
  return outcome.violation.empty() ? 0 : 1;
}

void show_failure(std::uint64_t seed) {
  const Outcome again = simulated::simulate(seed, nullptr, true);
  print_trace(again, kTail);
  fmt::print("seed {}: {}\n\n", seed, again.violation);
  std::fflush(stdout);
}

void print_troubles(const Sums& sums) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < sums.struck.size(); ++i) {
    parts.push_back(fmt::format("{} {}", simulated::name_of(static_cast<simulated::Trouble>(i)), sums.struck.at(i)));
  }
  parts.push_back(fmt::format("failovers that lost acknowledged commits {}", sums.lost_commits));
  parts.push_back(fmt::format("deaths with a spooled pair beyond the window {}", sums.long_deaths));
  parts.push_back(fmt::format("callers who hung up {}", sums.hang_ups));
  parts.push_back(fmt::format("owners who consented anew {}", sums.consents));
  fmt::print("  {}\n", fmt::join(parts, " · "));
}

int run_all(const Options& options) {
  const auto began = Timer::now();
  Sums sums;
  const auto more = [&] { return options.seconds > 0 ? since(began) < options.seconds : sums.runs < options.runs; };
  for (std::uint64_t seed = options.from; more() && sums.failed < kFailuresShown; ++seed) {
    const Outcome outcome = simulated::simulate(seed);
    sums.add(outcome);
    if (outcome.violation.empty()) continue;
    ++sums.failed;
    show_failure(seed);
  }
  const double took = since(began);
  const auto runs = static_cast<double>(sums.runs);
  fmt::print("simulation: {} runs from seed {}, {} failed\n", sums.runs, options.from, sums.failed);
  fmt::print("  refreshes {} ({:.0f} a run, at least {}), faults {} ({:.0f} a run, at least {})\n", sums.refreshes,
             static_cast<double>(sums.refreshes) / runs, sums.fewest_refreshes, sums.faults,
             static_cast<double>(sums.faults) / runs, sums.fewest_faults);
  fmt::print("  {:.1f} s: {:.0f} simulated refreshes/s, {:.1f} ms and {:.0f} s of virtual time a run\n", took,
             static_cast<double>(sums.refreshes) / took, took * 1000 / runs, sums.virtual_s / runs);
  print_troubles(sums);
  const bool everything = sums.runs < kEverythingWithin || sums.everything();
  if (!sums.enough())
    fmt::print("  FAILED: no run, or one had fewer than {} refreshes or {} faults\n", kRefreshes, kFaults);
  if (!everything) fmt::print("  FAILED: some kind of trouble never came\n");
  return sums.failed == 0 && sums.enough() && everything ? 0 : 1;
}

/// How many runs it took to notice; empty: it survived.
std::optional<std::uint64_t> runs_to_catch(const simulated::Mutant& mutant, std::uint64_t from, std::uint64_t at_most) {
  for (std::uint64_t run = 1; run <= at_most; ++run) {
    if (!simulated::simulate(from + run - 1, &mutant).violation.empty()) return run;
  }
  return std::nullopt;
}

/// Every mutant must be noticed within the default run, wherever that begins.
int run_mutants(const Options& options) {
  constexpr std::array<std::uint64_t, 5> kOffsets = {1, 10'001, 20'001, 30'001, 40'001};
  int survived = 0;
  std::vector<std::uint64_t> all;
  const auto began = Timer::now();
  fmt::print("{:<44} {:>7} {:>7}   caught by\n", "mutant, caught after how many runs", "median", "worst");
  for (const simulated::Mutant& mutant : simulated::mutants()) {
    if (!options.mutant.empty() && mutant.name != options.mutant) continue;
    std::vector<std::uint64_t> runs;
    for (const std::uint64_t from : kOffsets) {
      const auto caught = runs_to_catch(mutant, from, options.runs);
      if (!caught) break;
      runs.push_back(*caught);
    }
    if (runs.size() < kOffsets.size()) {
      ++survived;
      fmt::print("{:<44} SURVIVED {} runs\n", mutant.name, options.runs);
      continue;
    }
    const std::string by = simulated::simulate(kOffsets[0] + runs[0] - 1, &mutant).violation;
    all.insert(all.end(), runs.begin(), runs.end());
    std::ranges::sort(runs);
    fmt::print("{:<44} {:>7} {:>7}   {}\n", mutant.name, runs[runs.size() / 2], runs.back(), by);
    std::fflush(stdout);
  }
  std::ranges::sort(all);
  fmt::print("{} mutants, {} survived; caught after {} runs (median), {} (worst); {:.1f} s\n",
             simulated::mutants().size(), survived, all.empty() ? 0 : all[all.size() / 2], all.empty() ? 0 : all.back(),
             since(began));
  return survived == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli("The refresh protocol under a virtual clock, with everything going wrong");
  const auto* seed = cli.add_option("--seed", options.seed, "one run again");
  cli.add_flag("--trace", options.trace, "with --seed: print what happened");
  cli.add_option("--from", options.from, "first seed");
  cli.add_option("--runs", options.runs, "how many seeds");
  cli.add_option("--seconds", options.seconds, "go on for so long instead");
  cli.add_flag("--mutants", options.mutants, "break one rule after the other; each must be noticed");
  cli.add_option("--mutant", options.mutant, "with --mutants or --seed: this one only");
  CLI11_PARSE(cli, argc, argv);
  if (options.mutants) return run_mutants(options);
  return seed->count() > 0 ? replay(options) : run_all(options);
}
