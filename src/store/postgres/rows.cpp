#include "store/postgres/rows.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <cstring>

namespace keyfob::postgres {
namespace {

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

/// Takes `size` bytes off the front; fewer when there are not that many.
std::string_view take(std::string_view& bytes, std::size_t size) {
  const auto front = bytes.substr(0, size);
  bytes.remove_prefix(front.size());
  return front;
}

}  // namespace

Rows::Rows(pg_result* result) : result_(result, PQclear), end_(PQntuples(result)) {}

std::size_t Rows::count() const { return static_cast<std::size_t>(end_ - begin_); }

std::vector<Rows> Rows::by_number(std::size_t rows) const {
  std::vector<Rows> found(rows);
  Rows all = *this;
  while (all.next()) {
    all.column_ = PQnfields(all.get()) - 1;
    const auto number = static_cast<std::size_t>(all.integer());
    if (number < 1 || number > rows) continue;
    Rows& one = found[number - 1];
    one.result_ = result_;
    one.begin_ = all.row_;
    one.end_ = all.row_ + 1;
    one.row_ = all.row_ - 1;
  }
  return found;
}

std::size_t Rows::touched() const {
  if (!result_) return 0;
  const char* text = PQcmdTuples(result_.get());
  std::size_t rows = 0;
  std::from_chars(text, text + std::strlen(text), rows);
  return rows;
}

bool Rows::next() {
  column_ = 0;
  return ++row_ < end_;
}

bool Rows::is_null() const { return PQgetisnull(result_.get(), row_, column_) != 0; }

std::string_view Rows::text() {
  const int column = column_++;
  return {PQgetvalue(result_.get(), row_, column), static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
}

std::int64_t Rows::integer() {
  const auto bytes = text();
  const auto value = big_endian(bytes);
  return bytes.size() == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
}

bool Rows::flag() {
  const auto bytes = text();
  return !bytes.empty() && bytes.front() != 0;
}

Bytes Rows::blob() { return to_bytes(text()); }

std::vector<std::string_view> Rows::texts() {
  std::vector<std::string_view> texts;
  auto array = text();
  const auto dimensions = big_endian(take(array, 4));
  take(array, 8);  // flags, type
  const auto elements = dimensions == 1 ? big_endian(take(array, 4)) : 0;
  take(array, 4);  // the first index
  for (std::uint64_t i = 0; i < elements && array.size() >= 4; ++i) {
    texts.push_back(take(array, big_endian(take(array, 4))));
  }
  return texts;
}

std::optional<WallTime> Rows::optional_time() {
  if (!is_null()) return time();
  skip(1);
  return std::nullopt;
}

}  // namespace keyfob::postgres
