#include "model/faults.hpp"

#include <array>
#include <utility>

namespace keyfob::sim {
namespace {

struct Named {
  std::string_view name;
  FaultKind kind;
  bool after;
  int status;
  std::string_view field;
};

constexpr std::array<Named, 20> kFaults{{
    {"drop_before", FaultKind::drop, false, 0, ""},
    {"drop_after_rotation", FaultKind::drop, true, 0, ""},
    {"drop_after", FaultKind::drop, true, 0, ""},
    {"reset_before", FaultKind::reset, false, 0, ""},
    {"reset_after_rotation", FaultKind::reset, true, 0, ""},
    {"delay", FaultKind::delay, true, 0, ""},
    {"delay_before", FaultKind::delay, false, 0, ""},
    {"hold", FaultKind::hold, true, 0, ""},
    {"hold_before", FaultKind::hold, false, 0, ""},
    {"status", FaultKind::status, false, 503, ""},
    {"status_after_rotation", FaultKind::status, true, 503, ""},
    {"retry_after", FaultKind::status, false, 429, ""},
    {"html200", FaultKind::html200, false, 200, ""},
    {"html200_after_rotation", FaultKind::html200, true, 200, ""},
    {"cut_json", FaultKind::cut_json, true, 0, ""},
    {"cut_body", FaultKind::cut_body, true, 0, ""},
    {"missing_refresh_token", FaultKind::missing_field, true, 0, "refresh_token"},
    {"missing_access_token", FaultKind::missing_field, true, 0, "access_token"},
    {"missing_expires_in", FaultKind::missing_field, true, 0, "expires_in"},
    {"duplicate", FaultKind::duplicate, true, 0, ""},
}};

constexpr std::array<std::pair<std::string_view, Place>, 6> kPlaces{{
    {"any", Place::any},
    {"token", Place::token},
    {"app_token", Place::app_token},
    {"api", Place::api},
    {"management", Place::management},
    {"connect", Place::connect},
}};

bool matches(const Fault& fault, const FaultTarget& target) {
  if (fault.where != Place::any && fault.where != target.where) return false;
  if (!fault.vehicle.empty() && fault.vehicle != target.vehicle) return false;
  return fault.user.empty() || fault.user == target.user;
}

template <class List>
std::string names_of(const List& list, auto&& name_of) {
  std::string names;
  for (const auto& item : list) names += (names.empty() ? "" : ", ") + std::string(name_of(item));
  return names;
}

}  // namespace

std::uint64_t FaultPlan::add(Fault fault) {
  fault.id = ++last_id_;
  faults_.push_back(std::move(fault));
  return last_id_;
}

std::optional<Fault> FaultPlan::strike(const FaultTarget& target) {
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (!matches(*it, target)) continue;
    if (it->skip > 0) {
      --it->skip;
      continue;
    }
    ++it->struck;
    ++struck_;
    Fault fault = *it;
    if (it->times && --*it->times == 0) faults_.erase(it);
    return fault;
  }
  return std::nullopt;
}

Result<Fault> fault_named(std::string_view name) {
  for (const Named& known : kFaults) {
    if (known.name != name) continue;
    Fault fault;
    fault.name = name;
    fault.kind = known.kind;
    fault.after = known.after;
    fault.status = known.status;
    fault.field = known.field;
    if (name == "retry_after") fault.retry_after = 1;
    return fault;
  }
  return fail(ErrorCode::invalid_argument, "no fault is called '" + std::string(name) + "'",
              "known: " + names_of(kFaults, [](const Named& n) { return n.name; }));
}

Result<Place> parse_place(std::string_view text) {
  for (const auto& [name, place] : kPlaces) {
    if (name == text) return place;
  }
  return fail(ErrorCode::invalid_argument, "'" + std::string(text) + "' is no place",
              "known: " + names_of(kPlaces, [](const auto& n) { return n.first; }));
}

std::string_view to_string(Place place) {
  for (const auto& [name, known] : kPlaces) {
    if (known == place) return name;
  }
  return "?";
}

}  // namespace keyfob::sim
