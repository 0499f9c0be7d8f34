#pragma once
// What grants are found by: a key for the user and one for each vehicle, in `grant_keys`, where it leads to the grant's
// number. A key is a hash: whoever finds a grant by it compares the texts themselves.

#include <cstdint>
#include <vector>

#include "core/grant.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

enum class GrantKey : std::int64_t {};

[[nodiscard]] GrantKey key_of(const AppId& app, const UserId& user);
[[nodiscard]] GrantKey key_of(const AppId& app, const VehicleId& vehicle);
/// Of the user and the vehicles; sorted, each once.
[[nodiscard]] std::vector<GrantKey> keys_of(const Grant& grant);

void add_keys(Connection& connection, std::int64_t number, const std::vector<GrantKey>& keys);
/// The grant `number` is found by `after` instead of by `before`.
void replace_keys(Connection& connection, std::int64_t number, const std::vector<GrantKey>& before,
                  const std::vector<GrantKey>& after);

/// Makes grant_key(kind, app_id, text) known to the statements of this connection; kind is 'user' or 'vehicle'.
void add_key_function(Connection& connection);

}  // namespace keyfob::sqlite
