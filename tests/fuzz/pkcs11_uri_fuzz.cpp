// fuzz: src/keys/pkcs11_uri.cpp base

// PKCS#11 URIs: what is accepted names a key and a library, holds no PIN, and means the same when it is written again.

#include <tuple>

#include "keys/pkcs11_uri.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::keys;

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
  }
  return out;
}

std::string written(const Pkcs11Uri& uri) {
  std::string path;
  const auto add = [&path](std::string_view name, const std::optional<std::string>& value) {
    if (value) path += (path.empty() ? "" : ";") + std::string(name) + "=" + encoded(*value);
  };
  add("token", uri.token);
  add("serial", uri.serial);
  add("manufacturer", uri.manufacturer);
  add("model", uri.model);
  add("object", uri.object);
  add("id", uri.id);
  if (uri.slot_id) path += ";slot-id=" + std::to_string(*uri.slot_id);
  std::string query = "module-path=" + encoded(uri.module_path);
  if (!uri.pin_source.empty()) query += "&pin-source=" + encoded("file:" + uri.pin_source);
  return "pkcs11:" + path + "?" + query;
}

/// Whether an attribute of the query is called pin-value; within another's name or value the word says nothing.
bool names_a_pin(std::string_view uri) {
  const auto query = uri.find('?');
  if (query == std::string_view::npos) return false;
  uri.remove_prefix(query);
  return uri.starts_with("?pin-value=") || uri.find("&pin-value=") != std::string_view::npos;
}

auto parts(const Pkcs11Uri& uri) {
  return std::tie(uri.token, uri.serial, uri.manufacturer, uri.model, uri.slot_id, uri.object, uri.id, uri.module_path,
                  uri.pin_source);
}

}  // namespace

FUZZ(input) {
  const auto uri = parse_pkcs11_uri(input);
  if (!uri) {
    CHECK(uri.error().code == ErrorCode::invalid_argument);
    return;
  }
  CHECK(input.starts_with("pkcs11:") && !names_a_pin(input));
  CHECK(uri->object || uri->id);
  CHECK(uri->module_path.starts_with('/') && uri->module_path.find('\0') == std::string::npos);
  const auto again = parse_pkcs11_uri(written(*uri));
  CHECK(again && parts(*again) == parts(*uri));
}
