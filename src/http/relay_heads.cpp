#include "http/relay_heads.hpp"

#include "http/char_class.hpp"

namespace keyfob::http {
namespace {

bool is_private(std::string_view name, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix)) return true;
  }
  return false;
}

bool crosses(const Head& head, const Field& field, const HeaderBlock& own, const std::vector<std::string>& prefixes) {
  const std::string_view name = head.name(field);
  return !field.hop_by_hop && !own.has(name) && !is_private(name, prefixes);
}

}  // namespace

void gather_request(Gather& out, const ForwardedRequest& request) {
  const RequestHead& head = request.head;
  out.add(head.start_line());
  out.add(request.host_line);
  for (const Field& field : head.fields()) {
    if (field.id == FieldId::host || field.id == FieldId::authorization || field.id == FieldId::expect) continue;
    if (field.id == FieldId::content_length && !request.framing.empty()) continue;
    if (crosses(head, field, request.inject, request.private_prefixes)) out.add(head.bytes(field.begin, field.end));
  }
  out.add(request.inject.lines());
  out.add(request.framing);
  out.add("\r\n");
}

void gather_response(Gather& out, const PassedResponse& response) {
  const ResponseHead& head = response.head;
  const std::string_view start = head.start_line();
  if (start[7] == '1') {
    out.add(start);
  } else {
    out.add("HTTP/1.1");
    out.add(start.substr(8));
  }
  for (const Field& field : head.fields()) {
    const bool bodiless = head.status < 200 || head.status == 204;
    if (field.id == FieldId::content_length && (!response.framing.empty() || bodiless)) continue;
    if (crosses(head, field, response.add, response.private_prefixes)) out.add(head.bytes(field.begin, field.end));
  }
  out.add(response.add.lines());
  out.add(response.framing);
  if (response.close) out.add("Connection: close\r\n");
  out.add("\r\n");
}

}  // namespace keyfob::http
