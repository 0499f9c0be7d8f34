#include "store/memory/directory.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

#include "core/data_key_set.hpp"

namespace keyfob {

std::vector<ApplicationRecord> Directory::applications() const {
  std::vector<ApplicationRecord> all;
  std::ranges::copy(applications_ | std::views::values, std::back_inserter(all));
  return all;
}

Result<void> Directory::put_application(ApplicationRecord record) {
  const Application& app = record.app;
  if (app.id.empty() || app.name.empty() || app.revision == 0) {
    return fail(ErrorCode::invalid_argument, "an application has an id, a name and a revision");
  }
  const auto existing = applications_.find(app.id);
  const bool present = existing != applications_.end();
  if (!present && app.revision != 1) return fail(ErrorCode::not_found, "there is no application " + app.id.str());
  if (present && existing->second.app.revision + 1 != app.revision) {
    return fail(ErrorCode::conflict, "application " + app.name + " was changed by somebody else");
  }
  const auto has_the_name = [&](const auto& entry) {
    return entry.second.app.name == app.name && entry.first != app.id;
  };
  if (std::ranges::any_of(applications_, has_the_name)) {
    return fail(ErrorCode::conflict, "there is an application " + app.name + " already");
  }
  applications_[app.id] = std::move(record);
  ++revision_;
  return {};
}

Result<void> Directory::remove_application(const AppId& app) {
  if (applications_.erase(app) == 0) return fail(ErrorCode::not_found, "there is no application " + app.str());
  std::erase_if(callers_, [&](const auto& entry) { return entry.second.caller.app == app; });
  std::erase_if(keys_, [&](const auto& entry) { return entry.first.first == app; });
  std::erase_if(holders_, [&](const auto& entry) { return entry.first.first.app == app; });
  std::erase_if(consents_, [&](const auto& entry) { return entry.second.app == app; });
  ++revision_;
  return {};
}

std::vector<CallerRecord> Directory::callers() const {
  std::vector<CallerRecord> all;
  std::ranges::copy(callers_ | std::views::values, std::back_inserter(all));
  return all;
}

Result<void> Directory::put_caller(CallerRecord record) {
  const Caller& caller = record.caller;
  if (caller.id.empty() || caller.name.empty()) {
    return fail(ErrorCode::invalid_argument, "a caller has an id and a name");
  }
  const auto has_the_name = [&](const auto& entry) {
    return entry.second.caller.name == caller.name && entry.first != caller.id;
  };
  if (std::ranges::any_of(callers_, has_the_name)) {
    return fail(ErrorCode::conflict, "there is a caller " + caller.name + " already");
  }
  callers_[caller.id] = std::move(record);
  ++revision_;
  return {};
}

std::vector<WrappedDataKey> Directory::data_keys() const {
  std::vector<WrappedDataKey> all;
  std::ranges::copy(keys_ | std::views::values, std::back_inserter(all));
  return all;
}

Result<void> Directory::put_data_keys(std::vector<WrappedDataKey> keys) {
  for (const auto& key : keys) {
    if (key.app.empty() || key.wrapped.empty()) {
      return fail(ErrorCode::invalid_argument, "a data key has an application and its wrapped bytes");
    }
  }
  for (auto& key : keys) {
    if (key.primary) {
      for (auto& [id, other] : keys_) other.primary = other.primary && id.first != key.app;
    }
    const std::pair id{key.app, key.id};
    keys_[id] = std::move(key);
  }
  ++revision_;
  return {};
}

Result<void> Directory::change_data_keys(const AppId& app, std::vector<WrappedDataKey> before,
                                         std::vector<WrappedDataKey> after) {
  if (auto good = check_one_primary_each(after); !good) return good;
  std::vector<WrappedDataKey> present = data_keys();
  if (!app.empty()) std::erase_if(present, [&](const WrappedDataKey& key) { return key.app != app; });
  if (!same_data_keys(present, std::move(before))) {
    return fail(ErrorCode::conflict, "the data keys were changed by somebody else", "try again");
  }
  for (const WrappedDataKey& key : present) keys_.erase({key.app, key.id});
  return put_data_keys(std::move(after));
}

Result<void> Directory::retire_data_key(const DataKeyRef& key) {
  const auto it = keys_.find({key.app, key.id});
  if (it == keys_.end()) return fail(ErrorCode::not_found, "there is no such data key");
  if (it->second.primary) {
    return fail(ErrorCode::conflict, "the data key is the one that new records are sealed with");
  }
  for (const auto& [held, since] : holders_) {
    if (held.first == key) {
      return fail(ErrorCode::conflict, "node " + held.second.str() + " may still have pairs under this key");
    }
  }
  keys_.erase(it);
  ++revision_;
  return {};
}

void Directory::hold_data_keys(const NodeId& node, const std::vector<DataKeyRef>& keys, WallTime now) {
  std::erase_if(holders_, [&](const auto& entry) { return entry.first.second == node; });
  for (const DataKeyRef& key : keys) holders_.insert_or_assign({key, node}, now);
}

std::vector<DataKeyHolder> Directory::data_key_holders() const {
  std::vector<DataKeyHolder> all;
  for (const auto& [held, since] : holders_) all.push_back({held.second, held.first, since});
  return all;
}

bool Directory::consents_under(const AppId& app, const Bytes& header, WallTime now) const {
  return std::ranges::any_of(consents_ | std::views::values, [&](const ConsentState& state) {
    const Bytes& sealed = state.sealed_verifier;
    return state.app == app && state.expires_at > now && sealed.size() >= header.size() &&
           std::equal(header.begin(), header.end(), sealed.begin());
  });
}

Result<void> Directory::put_consent(ConsentState state) {
  if (state.state_hash.empty()) return fail(ErrorCode::invalid_argument, "a consent state has a hash");
  const Bytes hash = state.state_hash;
  if (!consents_.try_emplace(hash, std::move(state)).second) {
    return fail(ErrorCode::conflict, "this consent state exists already");
  }
  return {};
}

Result<ConsentState> Directory::take_consent(const Bytes& state_hash, WallTime now) {
  std::erase_if(consents_, [&](const auto& entry) { return entry.second.expires_at <= now; });
  const auto it = consents_.find(state_hash);
  if (it == consents_.end()) return fail(ErrorCode::not_found, "this consent state is unknown, used or expired");
  ConsentState state = std::move(it->second);
  consents_.erase(it);
  return state;
}

}  // namespace keyfob
