#include "testing/sim/weather.hpp"

#include <algorithm>

namespace keyfob::simulated {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Trouble::count)> kNames = {
    "provider answers 5xx",
    "provider answers 429",
    "provider answers garbage",
    "provider leaves the access token out",
    "provider answers late",
    "provider's answers are lost",
    "requests to the provider are lost",
    "provider answers odd 400s",
    "provider refuses the client secret",
    "provider refuses good tokens",
    "store is down",
    "store fails over",
    "standby lags behind",
    "commits fail",
    "acknowledgements of the store are lost",
    "changes are not heard of",
    "cut off from the provider",
    "cut off from the store",
    "stands still",
    "is down",
};

}  // namespace

std::string_view name_of(Trouble trouble) { return kNames.at(static_cast<std::size_t>(trouble)); }

Weather::Weather(const Timeline& time, int nodes)
    : time_(time),
      nodes_(index(nodes)),
      well_since_(index(nodes)),
      in_touch_(index(nodes)),
      cut_(index(nodes)),
      running_(index(nodes)) {
  note(false);
}

void Weather::change(Trouble trouble, int node, int by) {
  const auto which = static_cast<std::size_t>(trouble);
  (node == kEverywhere ? everywhere_ : nodes_.at(index(node))).at(which) += by;
  note(false);
}

void Weather::begin(Trouble trouble, int node) {
  ++faults_;
  ++begun_.at(static_cast<std::size_t>(trouble));
  if (trouble == Trouble::down) crashes_.emplace_back(node, time_.now());
  change(trouble, node, 1);
}

void Weather::end(Trouble trouble, int node) { change(trouble, node, -1); }

void Weather::blink() {
  ++faults_;
  note(true);
}

void Weather::note(bool broken) {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    auto& since = well_since_[node];
    const bool now_well = well(static_cast<int>(node));
    if (since && (broken || !now_well)) {
      if (time_.now() > *since) spells_.push_back({*since, time_.now()});
      since.reset();
    }
    if (!since && now_well) since = time_.now();
    const auto any = [&](std::initializer_list<Trouble> which) {
      return std::ranges::any_of(which, [&](Trouble trouble) { return is(trouble, static_cast<int>(node)); });
    };
    using enum Trouble;
    in_touch_[node].note(!any({cut_store, store_down, store_fails_over, feed_lost, pause, down}), time_.now());
    cut_[node].note(any({cut_store, store_down, store_fails_over}), time_.now());
    running_[node].note(!any({pause, down}), time_.now());
  }
}

bool Weather::is(Trouble trouble, int node) const {
  const auto which = static_cast<std::size_t>(trouble);
  return everywhere_.at(which) > 0 || nodes_.at(index(node)).at(which) > 0;
}

bool Weather::well(int node) const {
  const auto positive = [](int n) { return n > 0; };
  return std::ranges::none_of(everywhere_, positive) && std::ranges::none_of(nodes_.at(index(node)), positive);
}

Milliseconds Weather::well_for(int node) const {
  const auto& since = well_since_.at(index(node));
  return since ? time_.now() - *since : Milliseconds(0);
}

BootTime Weather::running_since(int node) const { return running_.at(index(node)).since.value_or(time_.now()); }

bool Weather::was_well(Milliseconds span, BootTime from, BootTime to) const {
  const auto fits = [&](const Spell& spell) { return std::min(spell.to, to) - std::max(spell.from, from) >= span; };
  if (std::ranges::any_of(spells_, fits)) return true;
  return std::ranges::any_of(well_since_, [&](const auto& since) { return since && fits({*since, time_.now()}); });
}

bool Weather::lost_disk(int node, BootTime since) const {
  return std::ranges::any_of(disk_deaths_,
                             [&](const auto& death) { return death.first == node && death.second >= since; });
}

bool Weather::went_down(int node, BootTime from, BootTime to) const {
  return std::ranges::any_of(crashes_, [&](const auto& crash) {
    return (crash.first == node || crash.first == kEverywhere) && crash.second >= from && crash.second <= to;
  });
}

}  // namespace keyfob::simulated
