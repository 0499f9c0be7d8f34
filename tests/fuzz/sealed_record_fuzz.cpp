// fuzz: vault

// Sealed records and association MACs. The first byte says what the rest is:
//   'r'  a record as it might stand in a column: if it opens at all, it is one that we sealed
//   'e'  edits "position value" of a good record, one a line: it opens if nothing is different, and only then
//   'b'  two bindings "purpose|app|subject|epoch|generation", one a line: sealed under the first, opened under the
//   second 'a'  two associations "app|grant|user|provider user|epoch|vehicle|vehicle...", one a line

#include <algorithm>
#include <array>

#include "tests/fuzz/fields.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "vault/association.hpp"
#include "vault/pair.hpp"
#include "vault/reseal.hpp"
#include "vault/sealed_record.hpp"
#include "vault/secrets.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::vault;

const AppId kFleet("fleet");
const AppId kOther("other");
const GrantId kGrant("gr_7c4f");
constexpr GrantVersion kVersion{Generation(7), Epoch(2)};
constexpr std::string_view kContent = "the-access-token-of-this-grant";

/// Key 1 of two applications, as in the worked example of the format: bytes 0, 1, 2 ... of the first one.
KeyringPtr keys() {
  Bytes raw(kDataKeySize);
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(i);
  const std::array material{KeyMaterial{kFleet, DataKeyId(1), true, Secret(as_text(raw))},
                            KeyMaterial{kOther, DataKeyId(1), true, Secret(std::string(kDataKeySize, 'o'))}};
  return Keyring::empty()->with(material).value();
}

const Keyring& keyring() {
  static const KeyringPtr ring = keys();
  return *ring;
}

Nonce nonce() {
  Nonce value;
  value.fill(0x5a);
  return value;
}

Binding access_binding() { return {"access", kFleet, kGrant.view(), kVersion}; }

void open_raw(ByteView sealed) {
  (void)data_key_of(sealed);
  (void)open_refresh(keyring(), {kFleet, kGrant.view(), kVersion}, sealed);
  (void)open_blob(keyring(), {kFleet, "pkce", "state"}, sealed);
  (void)open_client_secret(keyring(), {kFleet, SecretPurpose::client_secret}, sealed);
  (void)verify_association(keyring(), {kFleet, kGrant, UserId("user"), ProviderUserId("owner"), {}, Epoch(2)}, sealed);
  const auto opened = open_record(keyring(), access_binding(), sealed);
  if (!opened) {
    CHECK(opened.error().code == ErrorCode::damaged);
    return;
  }
  Nonce used;
  std::ranges::copy(sealed.subspan(kRecordHeaderSize, used.size()), used.begin());
  const auto again = seal_record(keyring(), access_binding(), reveal_secret(*opened), used);
  CHECK(again && std::ranges::equal(*again, sealed));
}

void open_edited(std::string_view edits) {
  const Bytes good = seal_record(keyring(), access_binding(), kContent, nonce()).value();
  Bytes edited = good;
  for (std::string_view edit : fuzz::split(edits, '\n')) {
    const std::size_t at = fuzz::number_in(fuzz::take_until(edit, ' '));
    if (at < edited.size()) edited[at] = static_cast<std::uint8_t>(fuzz::number_in(edit));
    if (edit == "cut") edited.resize(std::min(at, edited.size()));
    if (edit == "grow") edited.resize(edited.size() + at % 100);
  }
  const auto opened = open_record(keyring(), access_binding(), edited);
  CHECK(opened.has_value() == (edited == good));
}

struct Bound {
  explicit Bound(std::string_view line) : parts(fuzz::split(line, '|', 5)), app(piece(1)) {}
  [[nodiscard]] std::string_view piece(std::size_t i) const { return i < parts.size() ? parts[i] : std::string_view(); }
  [[nodiscard]] Binding binding() const {
    return {piece(0), app, piece(2), {Generation(fuzz::number_in(piece(4))), Epoch(fuzz::number_in(piece(3)))}};
  }
  std::vector<std::string_view> parts;
  AppId app;
};

void open_elsewhere(std::string_view lines) {
  const Bound one(fuzz::take_until(lines, '\n'));
  const Bound two(lines);
  const auto sealed = seal_record(keyring(), one.binding(), kContent, nonce());
  if (!sealed) return;
  const Binding a = one.binding();
  const Binding b = two.binding();
  const bool same = a.purpose == b.purpose && a.app == b.app && a.subject == b.subject && a.version == b.version;
  CHECK(open_record(keyring(), b, *sealed).has_value() == same);
}

Association association_from(std::string_view line) {
  const auto parts = fuzz::split(line, '|');
  const auto piece = [&](std::size_t i) { return i < parts.size() ? parts[i] : std::string_view(); };
  Association out{AppId(piece(0)),
                  GrantId(piece(1)),
                  UserId(piece(2)),
                  ProviderUserId(piece(3)),
                  {},
                  Epoch(fuzz::number_in(piece(4)))};
  for (std::size_t i = 5; i < parts.size(); ++i) out.vehicles.emplace_back(parts[i]);
  std::ranges::sort(out.vehicles);
  const auto twice = std::ranges::unique(out.vehicles);
  out.vehicles.erase(twice.begin(), twice.end());
  return out;
}

void verify_elsewhere(std::string_view lines) {
  const Association one = association_from(fuzz::take_until(lines, '\n'));
  const Association two = association_from(lines);
  const auto mac = association_mac(keyring(), one);
  if (!mac) return;
  const bool same = one.app == two.app && one.grant == two.grant && one.user == two.user &&
                    one.provider_user == two.provider_user && one.vehicles == two.vehicles && one.epoch == two.epoch;
  CHECK(verify_association(keyring(), two, *mac).has_value() == same);
}

}  // namespace

FUZZ(input) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input.front()) {
    case 'e': return open_edited(rest);
    case 'b': return open_elsewhere(rest);
    case 'a': return verify_elsewhere(rest);
    default: return open_raw(as_bytes(rest));
  }
}
