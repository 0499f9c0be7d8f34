#pragma once
// What PostgresStore does to application tokens. Same rules as directory_dialogues.hpp.

#include "ports/app_token_store.hpp"
#include "store/postgres/dialogue.hpp"

namespace keyfob::postgres {

Result<AppTokenAnswer> claim_app_token(Dialogue& dialogue, const AppTokenClaim& claim);
Result<std::uint64_t> put_app_token(Dialogue& dialogue, const AppId& app, const SharedAppToken& token);
Result<void> release_app_token(Dialogue& dialogue, const AppId& app);

}  // namespace keyfob::postgres
