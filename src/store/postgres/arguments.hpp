#pragma once
// Arguments: the parameters of one statement, in PostgreSQL's binary form, ready to be sent and sent again.
//
// Every value has its type said, so that no statement needs a cast: text, bigint, bytea, boolean, text[].

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob::postgres {

class Arguments {
 public:
  template <class... Values>
  Arguments& add(const Values&... values) {
    (one(values), ...);
    return *this;
  }

  /// One array for each value of the rows: the first has their first values, and so on. All rows are of the same types,
  /// and there is one at least.
  void add_columns(std::span<const Arguments* const> rows);

  friend bool operator==(const Arguments&, const Arguments&) = default;

  /// As libpq wants them. Valid until the next call on this thread.
  struct View {
    int count = 0;
    const unsigned* types = nullptr;
    const char* const* values = nullptr;
    const int* lengths = nullptr;
    const int* formats = nullptr;
  };
  [[nodiscard]] View view() const;
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  struct Piece {
    unsigned type;
    std::uint32_t offset;
    std::int32_t length;  ///< -1: null
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  [[nodiscard]] std::string_view value_of(const Piece& piece) const;
  void add_column(std::span<const Arguments* const> rows, std::size_t column);
  void put(unsigned type, std::string_view bytes);
  void put_null(unsigned type);

  void one(std::string_view text);
  void one(const std::string& text) { one(std::string_view(text)); }
  void one(const char* text) { one(std::string_view(text)); }
  void one(const Bytes& bytes);
  void one(const std::vector<std::string_view>& texts);
  template <std::same_as<bool> Bool>
  void one(Bool flag) {
    flag_value(flag);
  }
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  void one(Integer value) {
    integer(static_cast<std::int64_t>(value));
  }
  void one(WallTime time) { integer(to_unix_ms(time)); }
  void one(Milliseconds d) { integer(d.count()); }
  void one(const std::optional<WallTime>& time);
  void one(const std::optional<std::string_view>& text);
  template <class Kind>
  void one(const IdOf<Kind>& id) {
    one(id.view());
  }
  template <class Kind>
  void one(const std::optional<IdOf<Kind>>& id) {
    one(id ? std::optional<std::string_view>(id->view()) : std::nullopt);
  }
  template <class Kind>
  void one(NumberOf<Kind> number) {
    integer(static_cast<std::int64_t>(number.value()));
  }
  void integer(std::int64_t value);
  void flag_value(bool value);

  std::string bytes_;
  std::vector<Piece> pieces_;
};

/// One statement. `sql` must be a constant: its address names the prepared statement of a session.
struct Call {
  const char* sql = nullptr;
  Arguments arguments{};
};

template <class... Values>
[[nodiscard]] Call call(const char* sql, const Values&... values) {
  Call made;
  made.sql = sql;
  made.arguments.add(values...);
  return made;
}

}  // namespace keyfob::postgres
