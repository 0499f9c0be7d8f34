#pragma once
// What SqliteStore does for key rotation. Same rules as grant_queries.hpp.

#include <vector>

#include "ports/key_rotation.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

Result<std::size_t> reseal(Connection& connection, const std::vector<ResealedGrant>& grants);
Result<std::vector<KeptPair>> late_under(Connection& connection, const DataKeyRef& key, std::size_t limit);
Result<bool> replace_late(Connection& connection, const KeptPair& old, const KeptPair& fresh);
Result<bool> consents_under(Connection& connection, const AppId& app, const Bytes& header, WallTime now);

struct KeyChange {
  AppId app;
  std::vector<WrappedDataKey> before;
  std::vector<WrappedDataKey> after;
};
Result<void> change_data_keys(Connection& connection, const KeyChange& change);
Result<void> retire_data_key(Connection& connection, const DataKeyRef& key);

Result<void> hold_data_keys(Connection& connection, const NodeId& node, const std::vector<DataKeyRef>& keys,
                            WallTime now);
Result<std::vector<DataKeyHolder>> data_key_holders(Connection& connection);

}  // namespace keyfob::sqlite
