#include "audit/chain.hpp"

#include <string_view>

namespace keyfob::audit {
namespace {

constexpr std::string_view kFormat = "keyfob audit 1";

void append_number(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append_text(Bytes& out, std::string_view text) {
  append_number(out, text.size(), 4);
  out.insert(out.end(), text.begin(), text.end());
}

AuditFault fault(const AuditRecord& record, std::string what) {
  return {record.node, record.sequence, std::move(what)};
}

}  // namespace

Result<ChainKey> derive_chain_key(DataKeyId id, const crypto::MacKey& association) {
  auto key = crypto::MacKey::from_bytes(association.mac(as_bytes("keyfob audit chain 1")));
  if (!key) return fail(key.error());
  return ChainKey{id, std::move(*key)};
}

Bytes encode(const AuditRecord& record) {
  const AuditEntry& entry = record.entry;
  Bytes out;
  append_text(out, kFormat);
  append_text(out, record.node.view());
  append_number(out, record.sequence, 8);
  append_number(out, record.key.value(), 8);
  append_number(out, static_cast<std::uint64_t>(entry.at.time_since_epoch().count()), 8);
  append_text(out, entry.actor);
  append_text(out, entry.action);
  append_text(out, entry.outcome);
  append_text(out, entry.app.view());
  append_text(out, entry.grant.view());
  append_text(out, entry.user.view());
  append_text(out, entry.subject);
  append_number(out, entry.count, 8);
  append_text(out, entry.request_id);
  return out;
}

Bytes link(const crypto::MacKey& key, ByteView previous, const AuditRecord& record) {
  Bytes covered(previous.begin(), previous.end());
  const Bytes own = encode(record);
  covered.insert(covered.end(), own.begin(), own.end());
  const crypto::Digest mac = key.mac(covered);
  return {mac.begin(), mac.end()};
}

AuditRecord ChainWriter::next(AuditEntry entry) {
  AuditRecord record{head_.node, head_.sequence + 1, key_.id, std::move(entry), {}};
  record.mac = link(key_.key, head_.mac, record);
  head_.sequence = record.sequence;
  head_.mac = record.mac;
  return record;
}

std::optional<AuditFault> ChainReader::next(const AuditRecord& record, const crypto::MacKey* key) {
  if (record.sequence != head_.sequence + 1) {
    return fault(record, "record " + std::to_string(head_.sequence + 1) + " should come here: one or more are missing");
  }
  if (key == nullptr) return fault(record, "its key " + std::to_string(record.key.value()) + " is not known");
  const Bytes expected = link(*key, head_.mac, record);
  if (!equal_constant_time(expected, record.mac)) {
    return fault(record, "it was changed, or is not the record that was written after the one before it");
  }
  head_ = {record.node, record.sequence, record.mac};
  return std::nullopt;
}

}  // namespace keyfob::audit
