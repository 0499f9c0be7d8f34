#pragma once
// Session: one connection to PostgreSQL, used by one thread at a time, always in pipeline mode: a batch of statements
// is one transaction, one round trip and one wait for the disk.
//
// Blocks its thread, never longer than Settings::answer_timeout. No call throws.

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "store/postgres/arguments.hpp"
#include "store/postgres/rows.hpp"

struct pg_conn;

namespace keyfob::postgres {

struct Settings {
  std::string url;
  /// False behind a pooler that gives every transaction another backend: no named statements, no session settings.
  bool own_backend = true;
  Milliseconds connect_timeout = seconds(3);    ///< per host, unless the URL says otherwise
  Milliseconds answer_timeout = seconds(8);     ///< then the connection is given up and the outcome is unknown
  Milliseconds statement_timeout = seconds(6);  ///< the server's own limit; shorter, so that outcomes stay known
  Milliseconds lock_timeout = seconds(3);
  /// The host of the URL that was the primary last; all connections of a store try it first.
  std::shared_ptr<std::atomic<unsigned>> last_good = std::make_shared<std::atomic<unsigned>>(0);
};

/// What became of a batch.
struct Outcome {
  enum class Kind : std::uint8_t {
    done,     ///< committed
    refused,  ///< the server said no: rolled back
    unsent,   ///< it never left this machine whole: has not happened
    unknown,  ///< sent, and no answer: may have happened
  };
  Kind kind = Kind::done;
  std::vector<Rows> rows{};  ///< done: one per statement
  std::string sqlstate{};    ///< refused
  Error error{};             ///< all but done
};

class Session {
 public:
  /// unavailable: nobody there, or only standbys; unauthenticated, forbidden, not_found: see sqlstate.hpp; unsafe: it
  /// would acknowledge what is not durable; invalid_argument: the URL cannot be read.
  static Result<std::unique_ptr<Session>> open(const Settings& settings);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// All statements in one transaction, unless one of them is BEGIN.
  [[nodiscard]] Outcome run(std::span<const Call* const> calls);
  [[nodiscard]] Outcome run(const Call& call);
  /// Statements without parameters, one after the other, each at once effective unless it begins a transaction.
  Result<void> script(const char* sql);

  /// How long to wait for an answer from now on.
  void set_patience(Milliseconds patience) { patience_ = patience; }
  [[nodiscard]] Milliseconds usual_patience() const { return settings_.answer_timeout; }

  /// False: of no use any more.
  [[nodiscard]] bool alive() const;
  /// Something came while nobody asked: the server has said good-bye, or the connection has ended.
  [[nodiscard]] bool ended_meanwhile();
  [[nodiscard]] int socket() const;
  [[nodiscard]] pg_conn* handle() { return connection_; }

 private:
  explicit Session(pg_conn* connection, const Settings& settings)
      : connection_(connection), settings_(settings), patience_(settings.answer_timeout) {}
  Result<void> prepare_for_use();
  Result<void> check_durability();
  bool send(const Call& call);
  bool send_prepared(const Call& call);
  bool flush_until(BootTime deadline);
  Outcome receive(BootTime deadline);
  Rows next_result(BootTime deadline);
  void take_error(const pg_result* result, Outcome& outcome);
  void forget_unanswered();
  bool wait(short events, BootTime deadline);
  Outcome lost(Outcome::Kind kind);
  void give_up();
  [[nodiscard]] std::string last_words() const;

  pg_conn* connection_;
  Settings settings_;
  Milliseconds patience_;
  std::unordered_map<const char*, std::string> prepared_;
  std::uint64_t names_ = 0;
  std::vector<const char*> preparing_;  ///< of the batch in flight, one per result: what it prepares, or null
  std::size_t answered_ = 0;            ///< of those
  bool given_up_ = false;
  bool warned_ = false;  ///< the server has warned since the last batch was sent
};

}  // namespace keyfob::postgres
