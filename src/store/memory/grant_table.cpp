#include "store/memory/grant_table.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace keyfob {
namespace {

constexpr std::size_t kFindLimit = 16;
constexpr std::size_t kPageLimit = 1000;

bool matches(const Grant& grant, const GrantFilter& filter) {
  if (!filter.user.empty() && grant.user != filter.user) return false;
  if (filter.status && grant.status != *filter.status) return false;
  return filter.vehicle.empty() || std::ranges::find(grant.vehicles, filter.vehicle) != grant.vehicles.end();
}

bool more_specific(const Grant& a, const Grant& b) {
  if (a.single_select != b.single_select) return a.single_select;
  if (a.created_at != b.created_at) return a.created_at > b.created_at;
  return a.id < b.id;
}

std::unexpected<Error> no_such_grant(const GrantRef& ref) {
  return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
}

// A cursor is the length of the application's id, then the id itself, then the grant's: unambiguous for any text.
std::string cursor_of(const std::pair<std::string, std::string>& key) {
  return std::to_string(key.first.size()) + ":" + key.first + key.second;
}

std::optional<std::pair<std::string, std::string>> key_from(std::string_view cursor) {
  const auto colon = cursor.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 4) return std::nullopt;
  std::size_t size = 0;
  for (const char c : cursor.substr(0, colon)) {
    if (c < '0' || c > '9') return std::nullopt;
    size = size * 10 + static_cast<std::size_t>(c - '0');
  }
  cursor.remove_prefix(colon + 1);
  if (size > cursor.size()) return std::nullopt;
  return std::pair{std::string(cursor.substr(0, size)), std::string(cursor.substr(size))};
}

}  // namespace

GrantTable::UniqueKey GrantTable::unique_key_of(const Grant& grant) {
  const bool bound_to_vehicle = grant.single_select && !grant.vehicles.empty();
  return {grant.app.str(), grant.user.str(), grant.provider_user.str(),
          bound_to_vehicle ? grant.vehicles.front().str() : std::string()};
}

GrantRecord GrantTable::view(const Row& row, BootTime now) {
  GrantRecord record = row.record;
  if (row.lease) {
    record.grant.attempt =
        Attempt{row.lease->id,          row.lease->node,    row.lease->incarnation, now - row.lease->first_sent,
                row.lease->until - now, row.lease->stranded};
  }
  return record;
}

GrantTable::Row* GrantTable::row_of(const GrantRef& ref) {
  const auto it = rows_.find(key_of(ref));
  return it == rows_.end() ? nullptr : &it->second;
}

const GrantTable::Row* GrantTable::row_of(const GrantRef& ref) const {
  const auto it = rows_.find(key_of(ref));
  return it == rows_.end() ? nullptr : &it->second;
}

Result<GrantRecord> GrantTable::load(const GrantRef& ref, BootTime now) const {
  const Row* row = row_of(ref);
  if (row == nullptr) return no_such_grant(ref);
  return view(*row, now);
}

std::vector<const GrantTable::Row*> GrantTable::candidates(const AppId& app, const GrantSelector& selector) const {
  const Index& index = selector.vehicle.empty() ? by_user_ : by_vehicle_;
  const auto it = index.find({app.str(), selector.vehicle.empty() ? selector.user.str() : selector.vehicle.str()});
  std::vector<const Row*> found;
  if (it == index.end()) return found;
  for (const auto& grant : it->second) {
    const Row& row = rows_.at({app.str(), grant});
    if (selector.user.empty() || row.record.grant.user == selector.user) found.push_back(&row);
  }
  return found;
}

Result<std::vector<GrantRecord>> GrantTable::find(const AppId& app, const GrantSelector& selector, BootTime now) const {
  if (selector.user.empty() && selector.vehicle.empty()) {
    return fail(ErrorCode::invalid_argument, "a look-up names a user, a vehicle or both");
  }
  auto found = candidates(app, selector);
  std::ranges::sort(found, [](const Row* a, const Row* b) { return more_specific(a->record.grant, b->record.grant); });
  found.resize(std::min(found.size(), kFindLimit));
  std::vector<GrantRecord> records;
  std::ranges::transform(found, std::back_inserter(records), [&](const Row* row) { return view(*row, now); });
  return records;
}

Result<GrantPage> GrantTable::list(const GrantFilter& filter, BootTime now) const {
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, kPageLimit);
  const Key first{filter.app.str(), ""};
  auto it = rows_.lower_bound(first);
  if (!filter.cursor.empty()) {
    const auto after = key_from(filter.cursor);
    if (!after) return fail(ErrorCode::invalid_argument, "this is not a cursor of a grant list");
    if (*after > first) it = rows_.upper_bound(*after);
  }
  GrantPage page;
  const Key* last = nullptr;
  for (; it != rows_.end() && (filter.app.empty() || it->first.first == filter.app.view()); ++it) {
    if (!matches(it->second.record.grant, filter)) continue;
    if (page.grants.size() == limit) {
      page.next_cursor = cursor_of(*last);
      break;
    }
    page.grants.push_back(view(it->second, now));
    last = &it->first;
  }
  return page;
}

Result<void> GrantTable::put(const PutRequest& request) {
  const Grant& grant = request.record.grant;
  if (grant.app.empty() || grant.id.empty() || grant.user.empty()) {
    return fail(ErrorCode::invalid_argument, "a grant has an application, an id and a user");
  }
  const Key key{grant.app.str(), grant.id.str()};
  const auto existing = rows_.find(key);
  const bool as_expected = existing == rows_.end()
                               ? !request.replaces
                               : request.replaces && existing->second.record.grant.version == *request.replaces;
  if (!as_expected) return fail(ErrorCode::conflict, "grant " + grant.id.str() + " is not as expected");
  const auto holder = unique_.find(unique_key_of(grant));
  if (holder != unique_.end() && holder->second != grant.id.view()) {
    return fail(ErrorCode::conflict, "grant " + holder->second + " is already of this user, account and vehicle");
  }
  std::optional<GrantStatus> before;
  std::vector<KeptPair> late;
  if (existing != rows_.end()) {
    before = existing->second.record.grant.status;
    late = std::move(existing->second.late);
    std::erase_if(late, [&](const KeptPair& pair) { return pair.at.epoch != grant.version.epoch; });
    changed(existing->second.record.grant);
    unindex(key, existing->second);
  }
  Row& row = rows_[key];
  outbox_.add(request.notices, before);
  row = Row{request.record, std::nullopt, std::move(late)};
  row.record.grant.attempt.reset();
  index(key, row);
  changed(row.record.grant);
  return {};
}

Result<void> GrantTable::remove(const GrantRef& ref) {
  const auto it = rows_.find(key_of(ref));
  if (it == rows_.end()) return no_such_grant(ref);
  changed(it->second.record.grant);
  unindex(it->first, it->second);
  rows_.erase(it);
  return {};
}

void GrantTable::remove_application(const AppId& app) {
  outbox_.remove_application(app);
  auto it = rows_.lower_bound({app.str(), ""});
  while (it != rows_.end() && it->first.first == app.view()) {
    changed(it->second.record.grant);
    unindex(it->first, it->second);
    it = rows_.erase(it);
  }
  std::erase_if(successes_, [&](const auto& entry) { return entry.first.first == app.view(); });
}

void GrantTable::index(const Key& key, const Row& row) {
  const Grant& grant = row.record.grant;
  unique_[unique_key_of(grant)] = key.second;
  by_user_[{key.first, grant.user.str()}].insert(key.second);
  for (const auto& vehicle : grant.vehicles) by_vehicle_[{key.first, vehicle.str()}].insert(key.second);
  due_.emplace(key.first, grant.due_at, key.second);
  renew_by_.emplace(key.first, grant.renew_by, key.second);
  if (row.lease) attempts_.insert(key);
}

void GrantTable::unindex(const Key& key, const Row& row) {
  const auto take_out = [&](Index& index, const std::string& name) {
    const auto it = index.find({key.first, name});
    if (it == index.end()) return;
    it->second.erase(key.second);
    if (it->second.empty()) index.erase(it);
  };
  const Grant& grant = row.record.grant;
  unique_.erase(unique_key_of(grant));
  take_out(by_user_, grant.user.str());
  for (const auto& vehicle : grant.vehicles) take_out(by_vehicle_, vehicle.str());
  due_.erase({key.first, grant.due_at, key.second});
  renew_by_.erase({key.first, grant.renew_by, key.second});
  attempts_.erase(key);
}

}  // namespace keyfob
