#pragma once
// What SqliteStore does to application tokens. Same rules as grant_queries.hpp.

#include "ports/app_token_store.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/store_clock.hpp"

namespace keyfob::sqlite {

Result<AppTokenAnswer> claim_app_token(Connection& connection, const AppTokenClaim& claim, StoreTime now);
Result<std::uint64_t> put_app_token(Connection& connection, const AppId& app, const SharedAppToken& token);
Result<void> release_app_token(Connection& connection, const AppId& app);

}  // namespace keyfob::sqlite
