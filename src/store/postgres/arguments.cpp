#include "store/postgres/arguments.hpp"

#include <algorithm>

namespace keyfob::postgres {
namespace {

// Object ids of PostgreSQL's built-in types; part of its protocol, they never change.
constexpr unsigned kBool = 16;
constexpr unsigned kBytea = 17;
constexpr unsigned kInt8 = 20;
constexpr unsigned kText = 25;
constexpr unsigned kBoolArray = 1000;
constexpr unsigned kByteaArray = 1001;
constexpr unsigned kTextArray = 1009;
constexpr unsigned kInt8Array = 1016;

unsigned array_of(unsigned type) {
  switch (type) {
    case kBool: return kBoolArray;
    case kBytea: return kByteaArray;
    case kInt8: return kInt8Array;
    default: return kTextArray;
  }
}

void append_big_endian(std::string& to, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) to += static_cast<char>((value >> shift) & 0xffU);
}

}  // namespace

void Arguments::put(unsigned type, std::string_view bytes) {
  pieces_.push_back({type, static_cast<std::uint32_t>(bytes_.size()), static_cast<std::int32_t>(bytes.size())});
  bytes_ += bytes;
}

void Arguments::put_null(unsigned type) { pieces_.push_back({type, 0, -1}); }

void Arguments::one(std::string_view text) { put(kText, text); }

void Arguments::one(const Bytes& bytes) { put(kBytea, as_text(bytes)); }

void Arguments::one(const std::vector<std::string_view>& texts) {
  std::string array;
  append_big_endian(array, texts.empty() ? 0 : 1, 4);  // dimensions
  append_big_endian(array, 0, 4);                      // no nulls
  append_big_endian(array, kText, 4);
  if (!texts.empty()) {
    append_big_endian(array, texts.size(), 4);
    append_big_endian(array, 1, 4);  // the first index
  }
  for (const auto text : texts) {
    append_big_endian(array, text.size(), 4);
    array += text;
  }
  put(kTextArray, array);
}

void Arguments::one(const std::optional<WallTime>& time) { time ? integer(to_unix_ms(*time)) : put_null(kInt8); }

void Arguments::one(const std::optional<std::string_view>& text) { text ? put(kText, *text) : put_null(kText); }

std::string_view Arguments::value_of(const Piece& piece) const {
  return std::string_view(bytes_).substr(piece.offset, static_cast<std::size_t>(std::max(piece.length, 0)));
}

void Arguments::add_columns(std::span<const Arguments* const> rows) {
  for (std::size_t column = 0; column < rows.front()->pieces_.size(); ++column) add_column(rows, column);
}

void Arguments::add_column(std::span<const Arguments* const> rows, std::size_t column) {
  const auto is_null = [column](const Arguments* row) { return row->pieces_[column].length < 0; };
  const unsigned type = rows.front()->pieces_[column].type;
  std::string array;
  append_big_endian(array, 1, 4);  // dimensions
  append_big_endian(array, std::ranges::any_of(rows, is_null) ? 1 : 0, 4);
  append_big_endian(array, type, 4);
  append_big_endian(array, rows.size(), 4);
  append_big_endian(array, 1, 4);  // the first index
  for (const Arguments* row : rows) {
    const Piece& piece = row->pieces_[column];
    append_big_endian(array, static_cast<std::uint32_t>(piece.length), 4);
    array += row->value_of(piece);
  }
  put(array_of(type), array);
}

void Arguments::integer(std::int64_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint64_t>(value), 8);
  put(kInt8, bytes);
}

void Arguments::flag_value(bool value) { put(kBool, std::string_view(value ? "\1" : "\0", 1)); }

Arguments::View Arguments::view() const {
  thread_local std::vector<unsigned> types;
  thread_local std::vector<const char*> values;
  thread_local std::vector<int> lengths;
  thread_local std::vector<int> formats;
  types.clear();
  values.clear();
  lengths.clear();
  formats.assign(pieces_.size(), 1);
  for (const auto& piece : pieces_) {
    types.push_back(piece.type);
    values.push_back(piece.length < 0 ? nullptr : bytes_.data() + piece.offset);
    lengths.push_back(piece.length < 0 ? 0 : piece.length);
  }
  return {static_cast<int>(pieces_.size()), types.data(), values.data(), lengths.data(), formats.data()};
}

}  // namespace keyfob::postgres
