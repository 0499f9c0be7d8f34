#include "keys/pkcs11_uri.hpp"

#include <charconv>
#include <set>

namespace keyfob::keys {
namespace {

constexpr std::string_view kScheme = "pkcs11:";

std::unexpected<Error> bad(const std::string& what) {
  // Values are not repeated: one of them may be a PIN.
  return fail(ErrorCode::invalid_argument, "pkcs11: " + what,
              "pkcs11:token=LABEL;object=LABEL?module-path=/path/to/library.so&pin-source=file:/path");
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (text[i] <= 0x20 || text[i] >= 0x7f) return std::nullopt;
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high << 4U | *low);
    i += 2;
  }
  return out;
}

class Reader {
 public:
  Result<Pkcs11Uri> read(std::string_view uri) {
    if (!uri.starts_with(kScheme)) return bad("is not such a URI");
    uri.remove_prefix(kScheme.size());
    const auto question = uri.find('?');
    for (const auto& [part, separator] : {std::pair{uri.substr(0, question), ';'},
                                          std::pair{question == uri.npos ? "" : uri.substr(question + 1), '&'}}) {
      if (auto good = read_all(part, separator); !good) return fail(good.error());
    }
    if (!uri_.object && !uri_.id) return bad("names no key: object or id is missing");
    if (uri_.module_path.empty()) return bad("module-path is missing");
    return std::move(uri_);
  }

 private:
  Result<void> read_all(std::string_view attributes, char separator) {
    while (!attributes.empty()) {
      const auto end = std::min(attributes.find(separator), attributes.size());
      const std::string_view one = attributes.substr(0, end);
      attributes.remove_prefix(std::min(end + 1, attributes.size()));
      const auto equals = one.find('=');
      if (equals == one.npos) return bad("an attribute has no value");
      const std::string name(one.substr(0, equals));
      std::optional<std::string> value = decoded(one.substr(equals + 1));
      if (!value) return bad(name + " is not percent-encoded as it should be");
      if (!seen_.insert(name).second) return bad(name + " is there twice");
      if (auto good = take(name, std::move(*value), separator == '&'); !good) return good;
    }
    return {};
  }

  Result<void> take(const std::string& name, std::string value, bool query) {
    if (query) return take_query(name, std::move(value));
    if (name == "token") return put(uri_.token, std::move(value));
    if (name == "serial") return put(uri_.serial, std::move(value));
    if (name == "manufacturer") return put(uri_.manufacturer, std::move(value));
    if (name == "model") return put(uri_.model, std::move(value));
    if (name == "object") return put(uri_.object, std::move(value));
    if (name == "id") return put(uri_.id, std::move(value));
    if (name == "slot-id") return take_slot(value);
    if (name == "type") return value == "secret-key" ? Result<void>() : bad("type must be secret-key");
    if (name.starts_with("x-")) return {};
    return bad(name + " is not known here");
  }

  Result<void> take_query(const std::string& name, std::string value) {
    if (name == "pin-value") return bad("a PIN does not belong into a configuration: use pin-source=file:PATH");
    if (name == "module-path") {
      uri_.module_path = std::move(value);
      return value_is_path(uri_.module_path, name);
    }
    if (name == "pin-source") {
      uri_.pin_source = value.starts_with("file:") ? value.substr(5) : value;
      return value_is_path(uri_.pin_source, name);
    }
    if (name.starts_with("x-")) return {};
    return bad(name + " is not known here");
  }

  Result<void> take_slot(const std::string& value) {
    unsigned long slot = 0;
    const char* const end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, slot);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return bad("slot-id is no number");
    uri_.slot_id = slot;
    return {};
  }

  static Result<void> value_is_path(const std::string& value, const std::string& name) {
    if (value.starts_with('/') && value.find('\0') == std::string::npos) return {};
    return bad(name + " must be an absolute path");
  }

  static Result<void> put(std::optional<std::string>& into, std::string value) {
    into = std::move(value);
    return {};
  }

  Pkcs11Uri uri_;
  std::set<std::string> seen_;
};

}  // namespace

Result<Pkcs11Uri> parse_pkcs11_uri(std::string_view uri) { return Reader().read(uri); }

}  // namespace keyfob::keys
