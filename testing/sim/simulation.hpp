#pragma once
// Simulation: one run of a simulated world from its seed: nodes with the real engine, callers and owners who want
// things, troubles that come and go, and at the end, when nothing is wrong any more, the question whether everything is
// well. The same seed does the same, step for step.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/sim/mutant.hpp"
#include "testing/sim/node.hpp"

namespace keyfob::simulated {

struct Outcome {
  std::string violation{};  ///< empty: every invariant held
  int refreshes = 0;
  int faults = 0;
  Milliseconds lasted{};     ///< virtual time
  Weather::Counts struck{};  ///< how often each trouble came
  int long_deaths = 0;       ///< nodes that died with a spooled pair and came back after the window
  int hang_ups = 0;
  int consents = 0;      ///< owners who came back with a code
  int lost_commits = 0;  ///< failovers that lost acknowledged commits
  std::vector<std::string> trace{};
};

class Simulation {
 public:
  /// `mutant`: nullptr for the sound engine.
  Simulation(const Plan& plan, const Mutant* mutant, bool tracing);
  ~Simulation();
  Outcome run();

 private:
  struct Ambush {
    int node = -1;
    int steps = 0;
    Trouble trouble = Trouble::down;
    Milliseconds how_long{};
  };
  using Done = std::function<bool()>;

  // What runs next.
  bool step();
  bool run_until(const Done& done, Milliseconds at_most);
  void pass(Milliseconds d);
  [[nodiscard]] Node& any_node();
  [[nodiscard]] Milliseconds skew() const;

  // The acts of a run.
  void set_up();
  void first_refreshes();
  void storms();
  void end_troubles();
  void settle();
  void settle_one(int user);
  void ask_everywhere();
  void look_for_leftovers();
  [[nodiscard]] bool still_waits(const GrantRecord& record) const;
  [[nodiscard]] bool may_stay(int node, const SpooledPair& spooled);

  // Troubles.
  void keep_troubling();
  void strike(Trouble trouble, int node, Milliseconds how_long);
  void end_trouble(std::uint64_t id);
  void strike_any();
  void fail_over();
  void lay_ambush(int node, Milestone milestone);
  void spring_ambush(int node);
  void bad_deployment();

  // Callers and owners.
  void keep_calling();
  void call(Node& node, int user);
  void call_hot(Node& node, int user);
  void call_and_hang_up(Node& node, int user);
  void say_401(Node& node, int user);
  void force_refresh(Node& node, int user, const std::shared_ptr<bool>& good);
  void keep_owning();
  void import(Node& node, int user, Milliseconds expires_in);
  void consent(Node& node, int user);
  void come_back(Node& node, int user, std::string state);
  void revoke(Node& node, int user);
  [[nodiscard]] bool expected(int user);

  Stage stage_;
  std::vector<std::unique_ptr<Node>> nodes_;
  AppId app_;
  std::map<std::uint64_t, std::pair<Trouble, int>> troubles_;
  std::uint64_t next_trouble_ = 0;
  std::vector<Ambush> ambushes_;
  int long_deaths_ = 0;
  int hang_ups_ = 0;
  int consents_ = 0;
  bool storming_ = false;
  bool over_ = false;
};

/// A run of `seed`, as `make test` does it.
[[nodiscard]] Outcome simulate(std::uint64_t seed, const Mutant* mutant = nullptr, bool tracing = false);

}  // namespace keyfob::simulated
