#include "store/postgres/session.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "store/postgres/connect.hpp"
#include "store/postgres/sqlstate.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kDurability[] = "SELECT current_setting('synchronous_commit')";

BootTime now() {
  return BootTime(std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// libpq's messages are lines of prose; the first says what happened.
std::string first_line(const char* text) {
  std::string line = text == nullptr ? "" : text;
  line.resize(std::min(line.size(), line.find('\n')));
  return line;
}

std::string field_of(const pg_result* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string() : std::string(text);
}

/// A connection that cannot be made has no result, so its SQLSTATE is told by libpq's words only.
ErrorCode meaning_of_failed_connect(std::string_view words) {
  const auto says = [&](std::string_view part) { return words.find(part) != std::string_view::npos; };
  if (says("does not exist") && says("database")) return ErrorCode::not_found;
  if (says("authentication failed") || says("no password supplied") || says("no pg_hba.conf entry") ||
      says("does not exist")) {
    return ErrorCode::unauthenticated;
  }
  return ErrorCode::unavailable;
}

const char* hint_for_failed_connect(std::string_view words) {
  const bool pooler = words.find("unsupported startup parameter") != std::string_view::npos;
  return pooler ? "this is a pooler: set [store] pooler = \"transaction\"" : "";
}

}  // namespace

Session::~Session() { PQfinish(connection_); }

Result<std::unique_ptr<Session>> Session::open(const Settings& settings) {
  auto connection = connect(settings);
  if (!connection) return fail(std::move(connection.error()));
  std::unique_ptr<Session> session(new Session(*connection, settings));
  if (PQstatus(*connection) != CONNECTION_OK) {
    std::string words = PQerrorMessage(*connection);
    const auto code = meaning_of_failed_connect(words);
    std::ranges::replace(words, '\n', ' ');
    return fail(code, "PostgreSQL: " + words, hint_for_failed_connect(words));
  }
  if (auto ready = session->prepare_for_use(); !ready) return fail(std::move(ready.error()));
  return session;
}

Result<void> Session::prepare_for_use() {
  const auto note = [](void* session, const pg_result* notice) {
    if (field_of(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING") static_cast<Session*>(session)->warned_ = true;
  };
  PQsetNoticeReceiver(connection_, note, this);
  const bool ready = PQsetnonblocking(connection_, 1) == 0 && PQenterPipelineMode(connection_) == 1;
  if (!ready) return fail(ErrorCode::internal, "PostgreSQL: " + last_words());
  return check_durability();
}

/// A success that we report has to survive a crash of the server.
Result<void> Session::check_durability() {
  auto looked = run(call(kDurability));
  if (looked.kind != Outcome::Kind::done) return fail(std::move(looked.error));
  auto& rows = looked.rows.front();
  if (!rows.next() || rows.text() != "off") return {};
  if (settings_.own_backend) return script("SET synchronous_commit = on");
  return fail(ErrorCode::unsafe, "the database acknowledges commits that are not on disk (synchronous_commit = off)",
              "ALTER ROLE ... SET synchronous_commit = on");
}

bool Session::alive() const { return !given_up_ && PQstatus(connection_) == CONNECTION_OK; }

int Session::socket() const { return PQsocket(connection_); }

std::string Session::last_words() const { return first_line(PQerrorMessage(connection_)); }

bool Session::ended_meanwhile() {
  if (!alive()) return true;
  pollfd look{socket(), POLLIN, 0};
  if (::poll(&look, 1, 0) <= 0) return false;
  return PQconsumeInput(connection_) == 0 || PQisBusy(connection_) == 0 || !alive();
}

// --- sending ---

Outcome Session::run(const Call& call) {
  const Call* one = &call;
  return run({&one, 1});
}

Outcome Session::run(std::span<const Call* const> calls) {
  const BootTime deadline = now() + patience_;
  preparing_.clear();
  answered_ = 0;
  warned_ = false;
  for (const Call* call : calls) {
    if (!send(*call)) return lost(Outcome::Kind::unsent);
  }
  // Without this last message the server commits nothing, so until it is out the batch has not happened.
  if (PQpipelineSync(connection_) != 1 || !flush_until(deadline)) return lost(Outcome::Kind::unsent);
  return receive(deadline);
}

bool Session::send(const Call& call) {
  if (settings_.own_backend) return send_prepared(call);
  const auto view = call.arguments.view();
  preparing_.push_back(nullptr);
  return PQsendQueryParams(connection_, call.sql, view.count, view.types, view.values, view.lengths, view.formats, 1) ==
         1;
}

bool Session::send_prepared(const Call& call) {
  const auto view = call.arguments.view();
  auto& name = prepared_[call.sql];
  if (name.empty()) {
    name = "k" + std::to_string(++names_);
    preparing_.push_back(call.sql);
    if (PQsendPrepare(connection_, name.c_str(), call.sql, view.count, view.types) != 1) return false;
  }
  preparing_.push_back(nullptr);
  return PQsendQueryPrepared(connection_, name.c_str(), view.count, view.values, view.lengths, view.formats, 1) == 1;
}

bool Session::flush_until(BootTime deadline) {
  for (;;) {
    const int left = PQflush(connection_);
    if (left <= 0) return left == 0;
    if (!wait(POLLIN | POLLOUT, deadline)) return false;
    if (PQconsumeInput(connection_) == 0) return false;
  }
}

bool Session::wait(short events, BootTime deadline) {
  for (;;) {
    const auto left = deadline - now();
    if (left <= Milliseconds(0)) return false;
    pollfd look{socket(), events, 0};
    const int ready = ::poll(&look, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// --- receiving ---

/// Nothing in it: a boundary between two statements, or no answer (then not alive()).
Rows Session::next_result(BootTime deadline) {
  while (PQisBusy(connection_) != 0) {
    if (!wait(POLLIN, deadline) || PQconsumeInput(connection_) == 0) {
      give_up();
      return {};
    }
  }
  return Rows(PQgetResult(connection_));
}

/// The first error is the one that counts. One that libpq made up itself (a lost connection) has no SQLSTATE and says
/// nothing of the server; one that came after all statements were answered is about the commit.
void Session::take_error(const pg_result* result, Outcome& outcome) {
  if (outcome.kind != Outcome::Kind::done) return;
  const auto sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  const bool in_commit = answered_ >= preparing_.size();
  if (sqlstate.empty() || (in_commit && !sqlstate.starts_with("40") && !sqlstate.starts_with("23"))) {
    outcome = lost(Outcome::Kind::unknown);
    return;
  }
  outcome.kind = Outcome::Kind::refused;
  outcome.sqlstate = sqlstate;
  outcome.error = error_of(sqlstate, field_of(result, PG_DIAG_MESSAGE_PRIMARY));
}

Outcome Session::receive(BootTime deadline) {
  Outcome outcome;
  outcome.rows.reserve(preparing_.size());
  for (bool synced = false; !synced;) {
    Rows result = next_result(deadline);
    if (result.get() == nullptr) {
      if (alive()) continue;
      if (outcome.kind == Outcome::Kind::done) outcome = lost(Outcome::Kind::unknown);
      break;
    }
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC: synced = true; break;
      case PGRES_PIPELINE_ABORTED: break;
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        if (preparing_[answered_++] == nullptr) outcome.rows.push_back(std::move(result));
        break;
      default: take_error(result.get(), outcome);
    }
  }
  if (outcome.kind != Outcome::Kind::done) forget_unanswered();
  // A commit that stopped waiting for its standby is told by a warning; the next primary may not have it.
  if (outcome.kind == Outcome::Kind::done && warned_) return lost(Outcome::Kind::unknown);
  return outcome;
}

/// Named statements outlive a rollback; those behind the error were never made.
void Session::forget_unanswered() {
  for (std::size_t i = answered_; i < preparing_.size(); ++i) {
    if (preparing_[i] != nullptr) prepared_.erase(preparing_[i]);
  }
}

Outcome Session::lost(Outcome::Kind kind) {
  Outcome outcome;
  outcome.kind = kind;
  const auto code = kind == Outcome::Kind::unknown ? ErrorCode::timeout : ErrorCode::unavailable;
  outcome.error = Error{code, "PostgreSQL: " + last_words(), {}, {}};
  if (kind == Outcome::Kind::unknown) outcome.error.what = "PostgreSQL did not answer in time; " + last_words();
  give_up();
  return outcome;
}

void Session::give_up() { given_up_ = true; }

Result<void> Session::script(const char* sql) {
  if (PQpipelineStatus(connection_) != PQ_PIPELINE_OFF && PQexitPipelineMode(connection_) != 1) {
    return fail(ErrorCode::internal, "PostgreSQL: " + last_words());
  }
  PQsetnonblocking(connection_, 0);
  const Rows result(PQexec(connection_, sql));
  const auto status = PQresultStatus(result.get());
  const auto sqlstate = field_of(result.get(), PG_DIAG_SQLSTATE);
  auto error = error_of(sqlstate, field_of(result.get(), PG_DIAG_MESSAGE_PRIMARY));
  if (sqlstate.empty()) error = {ErrorCode::unavailable, "PostgreSQL: " + last_words(), {}, {}};
  PQsetnonblocking(connection_, 1);
  if (PQenterPipelineMode(connection_) != 1) give_up();
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  return fail(std::move(error));
}

}  // namespace keyfob::postgres
