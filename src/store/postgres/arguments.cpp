#include "store/postgres/arguments.hpp"

namespace keyfob::postgres {
namespace {

// Object ids of PostgreSQL's built-in types; part of its protocol, they never change.
constexpr unsigned kBool = 16;
constexpr unsigned kBytea = 17;
constexpr unsigned kInt8 = 20;
constexpr unsigned kText = 25;
constexpr unsigned kTextArray = 1009;

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
