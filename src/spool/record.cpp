#include "spool/record.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace keyfob::spool {
namespace {

constexpr std::string_view kMagic = "KFcell1\n";
constexpr std::string_view kErasedMagic = "KFfree1\n";
constexpr std::size_t kHeader = 24;  // magic 8, sequence 8, length 4, checksum 4

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = value;
  }
  return table;
}

std::uint32_t extend_crc(std::uint32_t crc, ByteView bytes) {
  static constexpr auto kTable = make_table();
  for (const auto byte : bytes) crc = kTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return crc;
}

// The checksum covers everything but itself.
std::uint32_t checksum(ByteView header, ByteView payload) {
  return ~extend_crc(extend_crc(0xffffffffU, header.first(kHeader - 4)), payload);
}

template <class Integer>
void append_number(Bytes& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append_field(Bytes& out, ByteView field) {
  append_number(out, static_cast<std::uint32_t>(field.size()));
  out.insert(out.end(), field.begin(), field.end());
}

void append_time(Bytes& out, WallTime time) { append_number(out, static_cast<std::uint64_t>(to_unix_ms(time))); }

Bytes payload_of(const KeptPair& pair) {
  Bytes out;
  append_field(out, as_bytes(pair.app.view()));
  append_field(out, as_bytes(pair.grant.view()));
  append_number(out, pair.at.generation.value());
  append_number(out, pair.at.epoch.value());
  append_number(out, pair.data_key.value());
  append_time(out, pair.access_expires_at);
  append_time(out, pair.refresh_expires_at);
  append_time(out, pair.received_at);
  append_field(out, as_bytes(pair.scope));
  append_field(out, pair.sealed.access);
  append_field(out, pair.sealed.refresh);
  if (!pair.replaces.empty()) append_field(out, pair.replaces);
  return out;
}

/// Reads forward; `ok()` is false from the first byte that is missing on.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  template <class Integer>
  Integer number() {
    Integer value = 0;
    const auto bytes = take(sizeof(Integer));
    for (std::size_t i = 0; i < bytes.size(); ++i) value |= static_cast<Integer>(Integer{bytes[i]} << (8 * i));
    return value;
  }
  ByteView field() { return take(number<std::uint32_t>()); }
  WallTime time() { return from_unix_ms(static_cast<std::int64_t>(number<std::uint64_t>())); }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

 private:
  ByteView take(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  ByteView rest_;
  bool ok_ = true;
};

std::optional<KeptPair> pair_from(ByteView payload) {
  Reader reader(payload);
  const auto copy = [](ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); };
  KeptPair pair;
  pair.app = AppId(as_text(reader.field()));
  pair.grant = GrantId(as_text(reader.field()));
  pair.at.generation = Generation(reader.number<std::uint64_t>());
  pair.at.epoch = Epoch(reader.number<std::uint64_t>());
  pair.data_key = DataKeyId(reader.number<std::uint64_t>());
  pair.access_expires_at = reader.time();
  pair.refresh_expires_at = reader.time();
  pair.received_at = reader.time();
  pair.scope = as_text(reader.field());
  pair.sealed.access = copy(reader.field());
  pair.sealed.refresh = copy(reader.field());
  const bool older = reader.finished();
  if (!older) pair.replaces = copy(reader.field());
  if (!older && pair.replaces.empty()) return std::nullopt;
  if (!reader.finished()) return std::nullopt;
  return pair;
}

bool is_empty(ByteView cell) {
  if (as_text(cell.first(kErasedMagic.size())) == kErasedMagic) return true;
  return std::ranges::all_of(cell, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::uint32_t crc32c(ByteView bytes) { return ~extend_crc(0xffffffffU, bytes); }

Bytes encode(const Record& record) {
  const Bytes payload = payload_of(record.pair);
  Bytes cell = to_bytes(kMagic);
  append_number(cell, record.sequence);
  append_number(cell, static_cast<std::uint32_t>(payload.size()));
  append_number(cell, std::uint32_t{0});
  const auto sum = checksum(cell, payload);
  for (std::size_t i = 0; i < 4; ++i) cell[kHeader - 4 + i] = static_cast<std::uint8_t>(sum >> (8 * i));
  cell.insert(cell.end(), payload.begin(), payload.end());
  return cell;
}

Bytes erased_cell(std::size_t size) {
  Bytes cell = to_bytes(kErasedMagic);
  cell.resize(size);
  return cell;
}

Decoded decode(ByteView cell) {
  if (cell.size() < kHeader) return {};
  if (is_empty(cell)) return {CellState::empty, {}};
  Reader header(cell.first(kHeader).subspan(kMagic.size()));
  const auto sequence = header.number<std::uint64_t>();
  const auto length = header.number<std::uint32_t>();
  const auto sum = header.number<std::uint32_t>();
  const auto body = cell.subspan(kHeader);
  if (as_text(cell.first(kMagic.size())) != kMagic || length > body.size()) return {};
  if (checksum(cell, body.first(length)) != sum) return {};
  auto pair = pair_from(body.first(length));
  if (!pair) return {};
  return {CellState::filled, {sequence, std::move(*pair)}};
}

}  // namespace keyfob::spool
