#pragma once
// Connection and Query: one SQLite connection of one thread, with its prepared statements kept.
//
// Failures are sticky: the first failing step is remembered, every later step of this connection does nothing and finds
// no row, until take_failure(). So a job reads straight on, and whoever runs it asks once at the end.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace keyfob::sqlite {

class Connection;

/// A prepared statement in use: bind, step, read columns in order. Reset when it goes. What is bound must outlive it.
class Query {
 public:
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  /// Binds the next parameters in order.
  template <class... Values>
  Query& with(const Values&... values) {
    (bind(values), ...);
    return *this;
  }
  /// True: a row can be read.
  bool step();
  /// Runs a statement without rows.
  void run() { static_cast<void>(step()); }
  /// As run(); false when a uniqueness or check constraint forbids it, which is no failure of the connection.
  [[nodiscard]] bool run_unless_constrained();

  // Columns, one after the other.
  [[nodiscard]] std::string_view text();
  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] Bytes blob();
  [[nodiscard]] bool is_null() const;
  void skip(int columns) { column_ += columns; }
  [[nodiscard]] bool flag() { return integer() != 0; }
  [[nodiscard]] WallTime time() { return from_unix_ms(integer()); }
  [[nodiscard]] std::optional<WallTime> optional_time();
  template <class Id>
  [[nodiscard]] Id id() {
    return Id(text());
  }
  template <class Number>
  [[nodiscard]] Number number() {
    return Number(static_cast<std::uint64_t>(integer()));
  }

 private:
  void bind(std::string_view text);
  void bind(const std::string& text) { bind(std::string_view(text)); }
  void bind(const Bytes& bytes);
  void bind(std::nullptr_t);
  void bind(WallTime time) { bind_integer(to_unix_ms(time)); }
  void bind(std::optional<WallTime> time);
  template <class Kind>
  void bind(const IdOf<Kind>& id) {
    bind(id.view());
  }
  template <class Kind>
  void bind(const std::optional<IdOf<Kind>>& id) {
    id ? bind(id->view()) : bind(nullptr);
  }
  template <class Kind>
  void bind(NumberOf<Kind> number) {
    bind_integer(static_cast<std::int64_t>(number.value()));
  }
  template <class Integer>
    requires std::is_integral_v<Integer> || std::is_enum_v<Integer>
  void bind(Integer value) {
    bind_integer(static_cast<std::int64_t>(value));
  }
  void bind_integer(std::int64_t value);

  Connection& connection_;
  sqlite3_stmt* statement_;  ///< null when it could not be prepared
  int parameter_ = 0;
  int column_ = 0;
  bool at_row_ = false;
};

struct ConnectionOptions {
  bool read_only = false;
  Milliseconds busy_timeout = seconds(5);
  int cache_kib = 8192;
  bool keep_log = false;  ///< the files of the log stay when the last connection is closed
};

class Connection {
 public:
  /// Opens an existing file; it is not read yet. unavailable: it cannot be opened.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, ConnectionOptions options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// `sql` must be a constant: its address is the key of the prepared statement.
  [[nodiscard]] Query query(const char* sql);
  /// Runs one or more statements that are not kept.
  void execute(const char* sql);
  /// The rowid of the row that was inserted last.
  [[nodiscard]] std::int64_t last_rowid() const;
  /// Rows changed by the last statement.
  [[nodiscard]] std::size_t changes() const;
  [[nodiscard]] bool in_transaction() const;
  /// Database pages looked at so far, cached or not: what a statement costs whatever the machine does.
  [[nodiscard]] std::size_t page_reads() const;
  /// Instructions that the kept statements have run so far.
  [[nodiscard]] std::size_t statement_steps() const;

  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  [[nodiscard]] bool found_damage() const { return failure_ && failure_->code == ErrorCode::damaged; }
  [[nodiscard]] std::optional<Error> take_failure();
  /// Ends what is being run, as a failure. Any thread.
  void interrupt();
  /// Remembers what SQLite said last.
  void record_failure(int code);
  /// Somebody else's failure ends what is being run, too.
  void record_failure(Error failure);
  /// For what this class has no words for, within store/sqlite.
  [[nodiscard]] sqlite3* native() { return handle_; }

 private:
  friend class Query;
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  Result<void> prepare_for_use(ConnectionOptions options);

  sqlite3* handle_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  std::optional<Error> failure_;
};

}  // namespace keyfob::sqlite
