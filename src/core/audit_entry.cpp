#include "core/audit_entry.hpp"

#include <charconv>

namespace keyfob {

std::string to_text(const AuditHead& head) {
  return head.node.str() + " " + std::to_string(head.sequence) + " " + to_hex(head.mac);
}

std::optional<AuditHead> audit_head_from(std::string_view text) {
  const auto first = text.find(' ');
  const auto second = text.rfind(' ');
  if (first == std::string_view::npos || first == second) return std::nullopt;
  AuditHead head;
  head.node = NodeId(text.substr(0, first));
  const std::string_view number = text.substr(first + 1, second - first - 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), head.sequence);
  auto mac = from_hex(text.substr(second + 1));
  if (error != std::errc() || end != number.data() + number.size() || !mac) return std::nullopt;
  head.mac = std::move(*mac);
  return head;
}

}  // namespace keyfob
