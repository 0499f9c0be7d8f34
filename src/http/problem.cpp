#include "http/problem.hpp"

#include <cstdint>

#include "http/response_head.hpp"

namespace keyfob::http {
namespace {

/// Length of the UTF-8 sequence at the front of `text`; 0 when it is not one.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0U) == 0x80U; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) return continues(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) < 0xf0) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = byte(0) == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = byte(0) == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (byte(0) >= 0xf0 && byte(0) < 0xf5) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool outside = (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90);
    return outside ? 0 : 4;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    out += c;
    return;
  }
  out += "\\u00";
  out += kHex[byte >> 4U];
  out += kHex[byte & 15U];
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) out += "\xef\xbf\xbd";
    if (length == 1) append_escaped(out, text.front());
    if (length > 1) out += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

std::string json_strings(const std::vector<std::string_view>& texts) {
  std::string out = "[";
  for (const std::string_view text : texts) {
    if (out.size() > 1) out += ',';
    out += json_string(text);
  }
  return out + ']';
}

Response problem_response(const Problem& problem, std::string_view code_header) {
  Response response;
  response.status = problem.status;
  response.headers.push_back({"Content-Type", "application/problem+json"});
  if (!code_header.empty()) response.headers.push_back({std::string(code_header), std::string(problem.code)});
  if (problem.retry_after.count() > 0) {
    const auto in_seconds = (problem.retry_after.count() + 999) / 1000;
    response.headers.push_back({"Retry-After", std::to_string(in_seconds)});
  }
  std::string body = "{\"title\":" + json_string(reason_phrase(problem.status));
  body += ",\"status\":" + std::to_string(problem.status);
  if (!problem.code.empty()) body += ",\"code\":" + json_string(problem.code);
  if (!problem.detail.empty()) body += ",\"detail\":" + json_string(problem.detail);
  for (const auto& [name, value] : problem.members) body += ',' + json_string(name) + ':' + value;
  response.body = body + "}\n";
  return response;
}

}  // namespace keyfob::http
