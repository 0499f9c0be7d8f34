#include "gateway/credential.hpp"

#include "ports/token_source.hpp"

namespace keyfob::gateway {
namespace {

constexpr std::size_t kLongestValue = 1024;

std::string_view text_of(const TemplatePiece& piece, const SubjectNames& names) {
  switch (piece.kind) {
    case TemplatePiece::Kind::provider_user: return names.provider_user;
    case TemplatePiece::Kind::user: return names.user;
    case TemplatePiece::Kind::vehicle: return names.vehicle;
    case TemplatePiece::Kind::text: return piece.text;
  }
  return {};
}

bool inject_name(http::HeaderBlock& out, const InjectedHeader& header, const SubjectNames& names) {
  if (header.value.size() == 1) return out.add(header.name, text_of(header.value.front(), names));
  FixedText<kLongestValue> value;
  for (const TemplatePiece& piece : header.value) {
    const std::string_view text = text_of(piece, names);
    const std::size_t size = value.view().size();
    if (text.size() > kLongestValue - size) return false;
    text.copy(value.data() + size, text.size());
    value.resize(size + text.size());
  }
  return out.add(header.name, value.view());
}

}  // namespace

bool inject_token(http::HeaderBlock& out, Scheme scheme, std::string_view token) {
  return out.add("Authorization", scheme == Scheme::bearer ? "Bearer " : "Basic ", token);
}

bool inject_token(http::HeaderBlock& out, Scheme scheme, const AccessToken& token) {
  return inject_token(out, scheme, reveal_secret(token));
}

bool inject_authorization(http::HeaderBlock& out, std::string_view authorization) {
  return out.add("Authorization", authorization);
}

bool inject_authorization(http::HeaderBlock& out, const Secret& authorization) {
  return inject_authorization(out, reveal_secret(authorization));
}

bool inject_names(http::HeaderBlock& out, const RoutePlan& route, const SubjectNames& names) {
  for (const InjectedHeader& header : route.inject) {
    if (!inject_name(out, header, names)) return false;
  }
  return true;
}

}  // namespace keyfob::gateway
