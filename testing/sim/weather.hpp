#pragma once
// Weather: what is wrong in a simulated world right now, and for how long each node has been well: up, running, in
// reach of store and provider, both of them sound.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "testing/sim/timeline.hpp"

namespace keyfob::simulated {

enum class Trouble : std::uint8_t {
  provider_errors,         ///< 5xx, before or after it rotated
  provider_throttles,      ///< 429
  provider_garbage,        ///< 200 that says nothing usable, after it rotated
  provider_half_answers,   ///< 200 with a refresh token and no access token
  provider_slow,           ///< answers later than T
  provider_loses_answers,  ///< rotated, the answer never comes
  provider_loses_requests,
  provider_unsound,       ///< odd 400s
  provider_wrong_client,  ///< the application's credentials are refused
  provider_refuses,       ///< a bad deployment: every good token is refused as dead
  store_down,
  store_fails_over,  ///< another takes over: down for a moment, then everything committed is there, every cursor void
  replica_lags,      ///< an asynchronous standby falls behind; when it takes over, acknowledged commits are gone
  commits_fail,
  acks_lost,     ///< committed, but the answer is lost
  feed_lost,     ///< what others changed is not heard of
  cut_provider,  ///< node and provider do not reach each other
  cut_store,
  pause,  ///< the process, or its whole machine, stands still; its clocks go on
  down,   ///< crashed
  count
};
[[nodiscard]] std::string_view name_of(Trouble trouble);

class Weather {
 public:
  static constexpr int kEverywhere = -1;
  Weather(const Timeline& time, int nodes);

  void begin(Trouble trouble, int node = kEverywhere);
  void end(Trouble trouble, int node = kEverywhere);
  /// One message was hit: nobody was well at this moment.
  void blink();

  /// Is it so for this node, or everywhere?
  [[nodiscard]] bool is(Trouble trouble, int node) const;
  [[nodiscard]] bool well(int node) const;
  /// For how long this node has been well; 0: it is not.
  [[nodiscard]] Milliseconds well_for(int node) const;
  /// Since when it has reached the store and heard of changes without a break; empty: it does not.
  [[nodiscard]] std::optional<BootTime> in_touch_since(int node) const { return in_touch_.at(index(node)).since; }
  /// Since when it has been cut off from the store; empty: it is not.
  [[nodiscard]] std::optional<BootTime> cut_since(int node) const { return cut_.at(index(node)).since; }
  /// When it stood still last, or started.
  [[nodiscard]] BootTime running_since(int node) const;
  /// Some node was well without a break for at least `span` between `from` and `to`.
  [[nodiscard]] bool was_well(Milliseconds span, BootTime from, BootTime to) const;
  void disk_died(int node) { disk_deaths_.emplace_back(node, time_.now()); }
  [[nodiscard]] bool lost_disk(int node, BootTime since) const;
  /// It crashed in this time.
  [[nodiscard]] bool went_down(int node, BootTime from, BootTime to) const;
  [[nodiscard]] int faults() const { return faults_; }
  using Counts = std::array<int, static_cast<std::size_t>(Trouble::count)>;
  /// How often each trouble has begun.
  [[nodiscard]] const Counts& begun() const { return begun_; }

 private:
  struct Spell {
    BootTime from{};
    BootTime to{};
  };
  /// Since when something has been so.
  struct Since {
    std::optional<BootTime> since{};
    void note(bool so, BootTime now) {
      if (!so) since.reset();
      if (so && !since) since = now;
    }
  };
  static std::size_t index(int node) { return static_cast<std::size_t>(node); }
  void change(Trouble trouble, int node, int by);
  void note(bool broken);

  const Timeline& time_;
  Counts everywhere_{};
  Counts begun_{};
  std::vector<Counts> nodes_;
  std::vector<std::optional<BootTime>> well_since_;
  std::vector<Since> in_touch_;
  std::vector<Since> cut_;
  std::vector<Since> running_;
  std::vector<Spell> spells_;  ///< past times of being well, of any node
  std::vector<std::pair<int, BootTime>> disk_deaths_;
  std::vector<std::pair<int, BootTime>> crashes_;
  int faults_ = 0;
};

}  // namespace keyfob::simulated
