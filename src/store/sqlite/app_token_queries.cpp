#include "store/sqlite/app_token_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kEnsure[] =
    "INSERT INTO application_tokens (app_id, number, sealed, issued_at, expires_at, claim_boot, claim_until_boot_ms) "
    "VALUES (?, 0, x'', 0, 0, '', 0) ON CONFLICT DO NOTHING";
constexpr char kRead[] =
    "SELECT number, sealed, issued_at, expires_at, claim_boot, claim_until_boot_ms FROM application_tokens "
    "WHERE app_id = ?";
constexpr char kClaim[] = "UPDATE application_tokens SET claim_boot = ?, claim_until_boot_ms = ? WHERE app_id = ?";
constexpr char kPut[] =
    "UPDATE application_tokens SET number = number + 1, sealed = ?, issued_at = ?, expires_at = ?, claim_boot = '', "
    "claim_until_boot_ms = 0 WHERE app_id = ? RETURNING number";

}  // namespace

Result<AppTokenAnswer> claim_app_token(Connection& connection, const AppTokenClaim& claim, StoreTime now) {
  connection.query(kEnsure).with(claim.app).run();
  AppTokenAnswer answer;
  {
    auto query = connection.query(kRead);
    if (!query.with(claim.app).step()) return answer;
    SharedAppToken token;
    token.number = static_cast<std::uint64_t>(query.integer());
    token.sealed = query.blob();
    token.issued_at = query.time();
    token.expires_at = query.time();
    const bool this_boot = query.text() == now.boot_id;
    answer.renew = !this_boot || query.integer() <= now.boot_ms;
    if (token.number != 0 && token.number != claim.seen) answer = {std::move(token), false};
  }
  if (answer.renew) connection.query(kClaim).with(now.boot_id, now.boot_ms + claim.hold.count(), claim.app).run();
  return answer;
}

Result<std::uint64_t> put_app_token(Connection& connection, const AppId& app, const SharedAppToken& token) {
  auto query = connection.query(kPut);
  if (!query.with(token.sealed, token.issued_at, token.expires_at, app).step()) {
    return fail(ErrorCode::not_found, "nobody has claimed this application's token");
  }
  return static_cast<std::uint64_t>(query.integer());
}

Result<void> release_app_token(Connection& connection, const AppId& app) {
  connection.query(kClaim).with(std::string_view(), 0, app).run();
  return {};
}

}  // namespace keyfob::sqlite
