#pragma once
// The chain of one node's audit records: each MAC covers its record and the MAC before it, under a key that the
// database does not hold. Whoever can write the database cannot change, remove, insert or reorder a record unseen; only
// cutting off the newest needs something kept elsewhere (AuditHead). Format: docs/spec/audit.md.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/audit_entry.hpp"
#include "crypto/hash.hpp"

namespace keyfob::audit {

/// The audit key of one data key of the installation.
struct ChainKey {
  DataKeyId id;
  crypto::MacKey key;
};
/// `association` is the data key's MAC key; the audit key is derived from it.
[[nodiscard]] Result<ChainKey> derive_chain_key(DataKeyId id, const crypto::MacKey& association);

/// All fields but the MAC: lengths as u32 and numbers as u64, little-endian.
[[nodiscard]] Bytes encode(const AuditRecord& record);
/// HMAC-SHA256(key, previous || encode(record)); `previous` is empty for a chain's first record.
[[nodiscard]] Bytes link(const crypto::MacKey& key, ByteView previous, const AuditRecord& record);

/// Appends to one chain. Not thread-safe.
class ChainWriter {
 public:
  ChainWriter(AuditHead head, ChainKey key) : head_(std::move(head)), key_(std::move(key)) {}
  [[nodiscard]] AuditRecord next(AuditEntry entry);
  [[nodiscard]] const AuditHead& head() const { return head_; }
  void continue_from(AuditHead head) { head_ = std::move(head); }

 private:
  AuditHead head_;
  ChainKey key_;
};

/// The note that a chain's oldest records were removed on purpose: an entry whose subject is the last of them as
/// to_text(AuditHead). It stands in a node's chain, so it cannot be forged either.
inline constexpr std::string_view kPrunedAction = "audit.pruned";

/// Reads one chain in order and finds the first fault.
class ChainReader {
 public:
  /// `start`: what comes before the first record that is left (sequence 0: nothing was pruned).
  explicit ChainReader(AuditHead start) : head_(std::move(start)) {}
  /// `key` is that of record.key; null: unknown.
  [[nodiscard]] std::optional<AuditFault> next(const AuditRecord& record, const crypto::MacKey* key);
  [[nodiscard]] const AuditHead& head() const { return head_; }

 private:
  AuditHead head_;
};

}  // namespace keyfob::audit
