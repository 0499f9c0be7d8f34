#include "store/postgres/schema.hpp"

#include <optional>
#include <string>

#include "store/postgres/dialogue.hpp"

namespace keyfob::postgres {
namespace {

constexpr int kTries = 5;

constexpr char kIsThere[] = "SELECT to_regclass('keyfob_schema') IS NOT NULL";
constexpr char kVersion[] = "SELECT version FROM keyfob_schema WHERE id = 1";
constexpr char kLocked[] = "SELECT version FROM keyfob_schema WHERE id = 1 FOR UPDATE";
constexpr char kMake[] =
    "CREATE TABLE IF NOT EXISTS keyfob_schema (id bigint PRIMARY KEY, version bigint NOT NULL);"
    "INSERT INTO keyfob_schema (id, version) VALUES (1, 0) ON CONFLICT DO NOTHING";
constexpr char kStep[] = "UPDATE keyfob_schema SET version = $1 WHERE id = 1";

Result<Rows> ask(Session& session, const char* sql) {
  auto outcome = session.run(call(sql));
  if (outcome.kind != Outcome::Kind::done) return fail(std::move(outcome.error));
  return std::move(outcome.rows.front());
}

/// Empty: no tables of Keyfob. 0: about to be made.
Result<std::optional<std::int64_t>> version_of(Session& session) {
  auto there = ask(session, kIsThere);
  if (!there) return fail(std::move(there.error()));
  if (!there->next() || !there->flag()) return std::nullopt;
  auto version = ask(session, kVersion);
  if (!version) return fail(std::move(version.error()));
  return version->next() ? version->integer() : 0;
}

Result<void> judge(std::int64_t version) {
  const int known = migrations().back().number;
  if (version <= known) return {};
  return fail(ErrorCode::conflict,
              "the store has schema " + std::to_string(version) + ", this program knows " + std::to_string(known),
              "run a newer keyfob");
}

/// Two nodes may make the same table at once; PostgreSQL then refuses one of them, for which it is there at last.
Result<void> make(Session& session) {
  Result<void> made;
  for (int tries = 0; tries < kTries; ++tries) {
    made = session.script(kMake);
    if (made || (made.error().code != ErrorCode::conflict && made.error().code != ErrorCode::internal)) break;
  }
  return made;
}

Result<void> apply(Session& session) {
  auto locked = ask(session, kLocked);
  if (!locked) return fail(std::move(locked.error()));
  const auto version = locked->next() ? locked->integer() : 0;
  if (auto good = judge(version); !good) return good;
  for (const auto& migration : migrations()) {
    if (migration.number <= version) continue;
    auto done = session.script(migration.sql);
    if (!done && done.error().what.contains("42P07")) {
      return fail(ErrorCode::invalid_argument, "the database has tables with Keyfob's names that are not Keyfob's",
                  "give Keyfob a database or a schema of its own");
    }
    if (!done) return done;
    auto noted = session.run(call(kStep, migration.number));
    if (noted.kind != Outcome::Kind::done) return fail(std::move(noted.error));
  }
  return {};
}

}  // namespace

Result<int> schema_of(Session& session) {
  auto version = version_of(session);
  if (!version) return fail(std::move(version.error()));
  return static_cast<int>(version->value_or(0));
}

Result<void> migrate(Session& session, NoTables empty) {
  auto version = version_of(session);
  if (!version) return fail(std::move(version.error()));
  if (version->value_or(0) == 0 && empty == NoTables::is_wrong) {
    return fail(ErrorCode::not_found, "the database holds no tables of Keyfob",
                "check the store's URL, or make them with `keyfob init --store URL`");
  }
  if (auto good = judge(version->value_or(0)); !good) return good;
  if (*version == migrations().back().number) return {};
  if (!*version) {
    if (auto made = make(session); !made) return made;
  }
  if (auto begun = session.script("BEGIN"); !begun) return begun;
  auto applied = apply(session);
  auto ended = session.script(applied ? "COMMIT" : "ROLLBACK");
  return applied ? ended : applied;
}

}  // namespace keyfob::postgres
