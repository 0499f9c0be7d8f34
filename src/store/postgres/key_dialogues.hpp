#pragma once
// What PostgresStore does for key rotation. Same rules as grant_statements.hpp and directory_dialogues.hpp.

#include <vector>

#include "ports/key_rotation.hpp"
#include "store/postgres/async.hpp"

namespace keyfob::postgres {

[[nodiscard]] Question reseal_question(const std::vector<ResealedGrant>& grants);
[[nodiscard]] Question late_under_question(const DataKeyRef& key, std::size_t limit);
[[nodiscard]] std::vector<KeptPair> read_late_under(Rows& rows, const AppId& app);
[[nodiscard]] Question replace_late_question(const KeptPair& old, const KeptPair& fresh);
[[nodiscard]] Question consents_under_question(const AppId& app, const Bytes& header, WallTime now);

struct KeyChange {
  AppId app;
  std::vector<WrappedDataKey> before;
  std::vector<WrappedDataKey> after;
};
Result<void> change_data_keys(Dialogue& dialogue, const KeyChange& change);
Result<void> retire_data_key(Dialogue& dialogue, const DataKeyRef& key);

Result<void> hold_data_keys(Dialogue& dialogue, const NodeId& node, const std::vector<DataKeyRef>& keys, WallTime now);
Result<std::vector<DataKeyHolder>> data_key_holders(Dialogue& dialogue);

}  // namespace keyfob::postgres
