#pragma once
// What SqliteStore does to applications, callers, data keys and consent states. Same rules as grant_queries.hpp.

#include <vector>

#include "ports/directory_store.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

Result<std::vector<ApplicationRecord>> applications(Connection& connection);
Result<void> put_application(Connection& connection, const ApplicationRecord& record);
Result<void> remove_application(Connection& connection, const AppId& app);

Result<std::vector<CallerRecord>> callers(Connection& connection);
Result<void> put_caller(Connection& connection, const CallerRecord& record);

Result<std::vector<WrappedDataKey>> data_keys(Connection& connection);
Result<void> put_data_keys(Connection& connection, const std::vector<WrappedDataKey>& keys);

Result<void> put_consent(Connection& connection, const ConsentState& state);
Result<ConsentState> take_consent(Connection& connection, const Bytes& state_hash, WallTime now);

}  // namespace keyfob::sqlite
