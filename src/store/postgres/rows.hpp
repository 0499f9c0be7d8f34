#pragma once
// Rows: what a statement answered, in PostgreSQL's binary form: step through the rows, read the columns in order. A
// copy reads the same answer.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

struct pg_result;

namespace keyfob::postgres {

class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* result);

  [[nodiscard]] pg_result* get() const { return result_.get(); }
  /// For each number from 1 to `rows`, the row whose last column says so; none where there is no such row.
  [[nodiscard]] std::vector<Rows> by_number(std::size_t rows) const;
  /// True: a row can be read.
  bool next();
  [[nodiscard]] std::size_t count() const;
  /// Rows that an INSERT, UPDATE or DELETE without RETURNING touched.
  [[nodiscard]] std::size_t touched() const;

  // Columns, one after the other. Views live as long as this.
  [[nodiscard]] std::string_view text();
  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] bool flag();
  [[nodiscard]] Bytes blob();
  [[nodiscard]] std::vector<std::string_view> texts();
  [[nodiscard]] bool is_null() const;
  void skip(int columns) { column_ += columns; }
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
  std::shared_ptr<pg_result> result_;
  int begin_ = 0;  ///< of the rows that this reads
  int end_ = 0;
  int row_ = -1;
  int column_ = 0;
};

}  // namespace keyfob::postgres
