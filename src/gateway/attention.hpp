#pragma once
// What an answer of the API says about the owner, by the profile's attention rules.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/provider.hpp"

namespace keyfob::gateway {

/// Whether a rule may fit an answer of this status, so that its body is worth a look.
[[nodiscard]] bool may_ask_for_owner(std::span<const AttentionRule> rules, int status);

/// The reason, when a rule fits: the error's "type" and "code" ("PERMISSION", "CONNECTED_SERVICES_ACCOUNT/..."), or the
/// rule's value when it has none. Out of A-Za-z0-9_-./ only, at most 129 bytes. Empty for what is not whole JSON.
[[nodiscard]] std::optional<std::string> attention_in(std::span<const AttentionRule> rules, int status,
                                                      std::string_view body);

}  // namespace keyfob::gateway
