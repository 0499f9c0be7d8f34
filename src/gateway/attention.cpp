#include "gateway/attention.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace keyfob::gateway {
namespace {

namespace json = boost::json;

bool concerns(const AttentionRule& rule, int status) {
  if (rule.status != 0) return rule.status == status;
  return status >= 400 && status < 500 && status != 401;
}

/// Text of a member named by a dotted path; empty when there is none.
std::string_view member(const json::object& object, std::string_view path) {
  const auto dot = path.find('.');
  const json::value* value = object.if_contains(path.substr(0, dot));
  if (value == nullptr) return {};
  if (dot != std::string_view::npos) return value->is_object() ? member(value->get_object(), path.substr(dot + 1)) : "";
  return value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool is_plain(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, plain);
}

std::string reason_of(const json::object& error, std::string_view fallback) {
  const std::string_view type = member(error, "type");
  const std::string_view code = member(error, "code");
  if (!is_plain(type)) return std::string(is_plain(fallback) ? fallback : "attention");
  std::string reason(type);
  if (is_plain(code)) reason.append("/").append(code);
  return reason;
}

/// The error that the body is about: the object itself, or the first of its "errors" (JSON:API).
const json::object* error_in(const json::value& body) {
  if (!body.is_object()) return nullptr;
  const json::value* errors = body.get_object().if_contains("errors");
  if (errors == nullptr || !errors->is_array()) return &body.get_object();
  const json::array& list = errors->get_array();
  return !list.empty() && list.front().is_object() ? &list.front().get_object() : nullptr;
}

}  // namespace

bool may_ask_for_owner(std::span<const AttentionRule> rules, int status) {
  return std::ranges::any_of(rules, [status](const AttentionRule& rule) { return concerns(rule, status); });
}

std::optional<std::string> attention_in(std::span<const AttentionRule> rules, int status, std::string_view body) {
  std::array<unsigned char, 8192> block;
  json::monotonic_resource memory(block.data(), block.size());
  boost::system::error_code problem;
  const json::value parsed = json::parse(body, problem, &memory);
  const json::object* error = problem ? nullptr : error_in(parsed);
  if (error == nullptr) return std::nullopt;
  for (const AttentionRule& rule : rules) {
    if (concerns(rule, status) && member(*error, rule.member) == rule.value) return reason_of(*error, rule.value);
  }
  return std::nullopt;
}

}  // namespace keyfob::gateway
