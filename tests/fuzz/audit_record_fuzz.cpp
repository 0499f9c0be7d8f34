// fuzz: src/audit/chain.cpp src/core/audit_entry.cpp crypto base

// The audit chain. First line: what is done to it; each further line one entry, its fields separated by tabs. Whatever
// is done: the reader finds it, unless what is left is a beginning of what was written (only a kept head shows that).
//   "swap I J", "drop I", "copy I J", "put I FIELD TEXT"; anything else is read as a head "NODE SEQUENCE MAC"

#include <algorithm>

#include "audit/chain.hpp"
#include "tests/fuzz/fields.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::audit;

const NodeId kNode("node-a");

const crypto::MacKey& association() {
  static const crypto::MacKey key = crypto::MacKey::from_bytes(Bytes(32, 7)).value();
  return key;
}

void put(AuditEntry& entry, std::size_t field, std::string_view text) {
  switch (field) {
    case 0: entry.actor = text; break;
    case 1: entry.action = text; break;
    case 2: entry.outcome = text; break;
    case 3: entry.app = AppId(text); break;
    case 4: entry.grant = GrantId(text); break;
    case 5: entry.user = UserId(text); break;
    case 6: entry.subject = text; break;
    case 7: entry.count = fuzz::number_in(text); break;
    case 8: entry.request_id = text; break;
    default: entry.at = from_unix_ms(static_cast<std::int64_t>(fuzz::number_in(text))); break;
  }
}

bool same(const AuditRecord& a, const AuditRecord& b) { return encode(a) == encode(b) && a.mac == b.mac; }

void change(std::vector<AuditRecord>& records, std::string_view order) {
  const std::string_view what = fuzz::take_until(order, ' ');
  const std::size_t i = fuzz::number_in(fuzz::take_until(order, ' '));
  if (i >= records.size()) return;
  if (what == "drop") records.erase(records.begin() + static_cast<std::ptrdiff_t>(i));
  if (what == "put") {
    const std::size_t field = fuzz::number_in(fuzz::take_until(order, ' '));
    put(records[i].entry, field, order);
    return;
  }
  const std::size_t j = fuzz::number_in(order);
  if (j >= records.size()) return;
  if (what == "swap") std::swap(records[i], records[j]);
  if (what == "copy") records.insert(records.begin() + static_cast<std::ptrdiff_t>(j), AuditRecord(records[i]));
}

void judge_head(std::string_view text) {
  const auto head = audit_head_from(text);
  if (!head) return;
  const auto again = audit_head_from(to_text(*head));
  CHECK(again && again->node == head->node && again->sequence == head->sequence && again->mac == head->mac);
}

}  // namespace

FUZZ(input) {
  const std::string_view order = fuzz::take_until(input, '\n');
  judge_head(order);
  const ChainKey key = derive_chain_key(DataKeyId(1), association()).value();
  ChainWriter writer({kNode, 0, {}}, derive_chain_key(DataKeyId(1), association()).value());
  std::vector<AuditRecord> records;
  for (const std::string_view line : fuzz::split(input, '\n')) {
    AuditEntry entry;
    std::size_t field = 0;
    for (const std::string_view text : fuzz::split(line, '\t', 10)) put(entry, field++, text);
    records.push_back(writer.next(std::move(entry)));
  }
  const std::vector<AuditRecord> written = records;
  change(records, order);
  ChainReader reader({kNode, 0, {}});
  bool sound = true;
  for (const AuditRecord& record : records) sound = sound && !reader.next(record, &key.key);
  const bool beginning =
      records.size() <= written.size() && std::ranges::equal(records, std::span(written).first(records.size()), same);
  CHECK(sound == beginning);
}
