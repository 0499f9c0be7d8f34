#include "store/postgres/app_tokens.hpp"

#include "store/postgres/grant_row.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kEnsure[] =
    "INSERT INTO application_tokens (app_id, number, sealed, issued_at, expires_at, claim_until) "
    "VALUES ($1, 0, $2, 0, 0, 0) ON CONFLICT DO NOTHING";
constexpr char kRead[] = "SELECT number, sealed, issued_at, expires_at, claim_until <= " KEYFOB_NOW
                         " FROM application_tokens WHERE app_id = $1 FOR UPDATE";
constexpr char kClaim[] = "UPDATE application_tokens SET claim_until = " KEYFOB_NOW " + $2 WHERE app_id = $1";
constexpr char kPut[] =
    "UPDATE application_tokens SET number = number + 1, sealed = $2, issued_at = $3, expires_at = $4, claim_until = 0 "
    "WHERE app_id = $1 RETURNING number";
constexpr char kRelease[] = "UPDATE application_tokens SET claim_until = 0 WHERE app_id = $1";

}  // namespace

Result<AppTokenAnswer> claim_app_token(Dialogue& dialogue, const AppTokenClaim& claim) {
  dialogue.ask(kEnsure, claim.app, Bytes());
  AppTokenAnswer answer;
  auto rows = dialogue.ask(kRead, claim.app);
  if (!rows.next()) return answer;
  SharedAppToken token;
  token.number = static_cast<std::uint64_t>(rows.integer());
  token.sealed = rows.blob();
  token.issued_at = rows.time();
  token.expires_at = rows.time();
  answer.renew = rows.flag();
  if (token.number != 0 && token.number != claim.seen) return AppTokenAnswer{std::move(token), false};
  if (answer.renew) dialogue.ask(kClaim, claim.app, claim.hold);
  return answer;
}

Result<std::uint64_t> put_app_token(Dialogue& dialogue, const AppId& app, const SharedAppToken& token) {
  auto rows = dialogue.ask(kPut, app, token.sealed, token.issued_at, token.expires_at);
  if (!rows.next()) return fail(ErrorCode::not_found, "nobody has claimed this application's token");
  return static_cast<std::uint64_t>(rows.integer());
}

Result<void> release_app_token(Dialogue& dialogue, const AppId& app) {
  dialogue.ask(kRelease, app);
  return {};
}

}  // namespace keyfob::postgres
