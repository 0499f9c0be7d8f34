#include <fmt/format.h>

#include <algorithm>

#include "config/address.hpp"
#include "config/read.hpp"

namespace keyfob::config {
namespace {

constexpr DurationRange kLifetime{seconds(1), days(3650)};
constexpr DurationRange kWindow{Milliseconds(0), days(1)};

void read_url(Section& section, std::string_view key, std::optional<std::string>& out,
              UrlShape shape = UrlShape::endpoint) {
  section.read_text(key, out);
  const std::string problem = out ? url_problem(*out, shape) : std::string();
  if (!problem.empty()) section.report(key, problem);
  if (out && shape == UrlShape::origin && out->ends_with('/')) out->pop_back();
}

void read_urls(Section& section, ProviderConfig& provider) {
  read_url(section, "all_origins", provider.all_origins, UrlShape::origin);
  read_url(section, "authorize_url", provider.authorize_url);
  read_url(section, "token_url", provider.token_url);
  read_url(section, "app_token_url", provider.app_token_url);
  read_url(section, "revocation_url", provider.revocation_url);
  read_url(section, "user_url", provider.user_url);
  read_url(section, "vehicles_url", provider.vehicles_url);
}

void read_words(Section& section, ProviderConfig& provider) {
  section.read_word("client_auth", provider.client_auth, {"basic", "body", "query"});
  section.read_word("app_client_auth", provider.app_client_auth, {"basic", "body", "query"});
  section.read_word("rotation", provider.rotation, {"required", "optional"});
  section.read_text("user_agent", provider.user_agent);
  section.read_text("user_field", provider.user_field);
  section.read_text("vehicles_field", provider.vehicles_field);
  section.read_flag("pkce", provider.pkce);
  section.read_flag("late_reuse", provider.late_reuse);
}

void read_times(Section& section, ProviderConfig& provider) {
  section.read_duration("access_ttl", provider.access_ttl, kLifetime);
  section.read_duration("app_token_ttl", provider.app_token_ttl, kLifetime);
  section.read_duration("refresh_ttl", provider.refresh_ttl, kLifetime);
  section.read_duration("reuse_window", provider.reuse_window, kWindow);
}

DeadGrantConfig read_dead_grant(Section section) {
  DeadGrantConfig rule;
  std::uint32_t status = 0;
  section.read_number("status", status, {400, 499});
  rule.status = static_cast<int>(status);
  section.read_text("error", rule.error);
  section.read_text("description_prefix", rule.description_prefix);
  section.refuse_unknown_keys();
  if (rule.error.empty() && rule.description_prefix.empty()) {
    section.report("error", "is missing", "a rule without error and description_prefix would match any refusal");
  }
  return rule;
}

/// Rules are written as words ("invalid_grant") or, where that is not enough, as tables.
void read_dead_grants(Section& section, const ReadContext& context, ProviderConfig& provider) {
  const TomlNode* node = section.take("dead_grant");
  if (node == nullptr) return;
  const auto* rules = node->as<TomlArray>();
  if (rules == nullptr) return section.report("dead_grant", "must be a list", "like dead_grant = [\"invalid_grant\"]");
  provider.dead_grant.emplace();
  for (const TomlNode& rule : *rules) {
    if (const auto* word = rule.as<std::string>()) {
      provider.dead_grant->push_back({0, *word, {}});
    } else if (const auto* table = rule.as<TomlTable>()) {
      provider.dead_grant->push_back(
          read_dead_grant(Section(table, section.name_of("dead_grant"), rule.line, context.problems)));
    } else {
      section.report("dead_grant", "must hold texts or tables",
                     "like [\"invalid_grant\", { status = 400, error = \"...\" }]");
    }
  }
}

void read_attention(Section& section, ProviderConfig& provider) {
  if (section.take("attention") == nullptr) return;
  provider.attention.emplace();
  for (Section& each : section.sections("attention")) {
    AttentionConfig rule;
    std::uint32_t status = 0;
    each.read_number("status", status, {400, 499});
    rule.status = static_cast<int>(status);
    each.read_text("member", rule.member);
    each.read_text("value", rule.value);
    each.refuse_unknown_keys();
    if (rule.member.empty()) each.report("member", "is missing", "like \"resolution.type\"");
    if (rule.value.empty()) each.report("value", "is missing", "like \"REAUTHENTICATE\"");
    provider.attention->push_back(std::move(rule));
  }
}

RouteConfig read_route(Section section) {
  RouteConfig route;
  std::optional<std::string> origin;
  section.read_text("match", route.match);
  read_url(section, "origin", origin, UrlShape::origin);
  section.read_word("credential", route.credential, {"user", "application", "management", "client", "none"});
  section.read_word("scheme", route.scheme, {"bearer", "basic"});
  section.read_texts("methods", route.methods);
  section.read_word("permission", route.permission,
                    {"gateway", "token:read", "grant:read", "grant:write", "grant:revoke", "management", "admin"});
  section.read_pairs("inject", route.inject);
  section.read_flag("needs_user", route.needs_user);
  section.read_word("when", route.when, {"", "v3_credentials", "no_v3_credentials"});
  section.refuse_unknown_keys();
  if (!route.match.starts_with('/')) section.report("match", "must start with /", "like \"/api/{vehicle}/**\"");
  if (!origin) section.report("origin", "is missing", "say where this route leads, like \"https://api.acme.example\"");
  route.origin = origin.value_or("");
  return route;
}

void read_routes(Section& section, ProviderConfig& provider) {
  if (section.take("routes") == nullptr) return;
  provider.routes.emplace();
  for (Section& route : section.sections("routes")) provider.routes->push_back(read_route(std::move(route)));
}

void complete(Section& section, ProviderConfig& provider) {
  if (provider.built_in) return;
  if (!provider.token_url)
    section.report("token_url", "is missing", "a provider of your own needs at least its token_url");
  // RFC 6749 promises no reuse at all, so a provider that nothing is known of is taken for a strict one.
  if (!provider.reuse_window) provider.reuse_window = Milliseconds(0);
}

void read_provider(Section section, const ReadContext& context, ProviderConfig& provider) {
  read_urls(section, provider);
  read_words(section, provider);
  read_times(section, provider);
  read_dead_grants(section, context, provider);
  read_attention(section, provider);
  if (section.take("authorize_params") != nullptr)
    section.read_pairs("authorize_params", provider.authorize_params.emplace());
  read_routes(section, provider);
  section.refuse_unknown_keys();
  complete(section, provider);
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits);
}

void add_timing(const RefreshConfig& refresh, std::string_view name, Milliseconds window, std::uint32_t line,
                const ReadContext& context, std::vector<std::string>& warnings) {
  const Result<std::string> checked = check_timing(refresh, name, window);
  if (!checked) {
    context.problems.push_back({line, checked.error().what, checked.error().hint});
  } else if (!checked->empty()) {
    warnings.push_back(*checked);
  }
}

/// Where the operator would mend it: at the refresh times if they are written down, else at the provider.
std::uint32_t timing_line(const Section& refresh, const Section& providers, std::string_view name) {
  for (const std::string_view key : {"lease", "timeout"}) {
    if (refresh.has(key)) return refresh.line_of(key);
  }
  return providers.line_of(name);
}

}  // namespace

Result<std::string> check_timing(const RefreshConfig& refresh, std::string_view provider, Milliseconds reuse_window) {
  const std::string timeout = format_duration(refresh.timeout);
  const std::string lease = format_duration(refresh.lease);
  if (refresh.timeout >= refresh.lease) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("refresh.timeout ({}) must be less than refresh.lease ({})", timeout, lease),
                "an exchange must end before another node may begin one");
  }
  if (reuse_window.count() == 0) {
    return fmt::format(
        "provider {} has no reuse window: an answer that is lost on its way (crash, cut connection) cannot be asked "
        "for "
        "again, and that grant then needs consent anew",
        provider);
  }
  const Milliseconds needed = refresh.lease + kRecoveryInterval + refresh.timeout;
  if (needed < reuse_window) return std::string();
  return fail(ErrorCode::invalid_argument,
              fmt::format("refresh.lease ({}) + recovery ({}) + refresh.timeout ({}) = {} must be less than the reuse "
                          "window of provider {} ({})",
                          lease, format_duration(kRecoveryInterval), timeout, format_duration(needed), provider,
                          format_duration(reuse_window)),
              "shorten lease and timeout: a lost answer must be asked for again while the provider still accepts it");
}

void read_providers(Section section, const Section& refresh, const ReadContext& context, Config& config) {
  if (section.table() != nullptr) {
    for (const auto& [name, node] : *section.table()) {
      const bool known = std::ranges::any_of(context.built_in, [&](const auto& one) { return one.name == name; });
      if (!is_name(name))
        section.report(name, "is no name for a provider", "use a-z, 0-9, - and _, at most 64 of them");
      read_provider(section.section(name), context, config.providers.emplace_back(ProviderConfig{name, known}));
    }
  }
  for (const BuiltInProvider& known : context.built_in) {
    const auto own = std::ranges::find(config.providers, known.name, &ProviderConfig::name);
    const Milliseconds window =
        own == config.providers.end() ? known.reuse_window : own->reuse_window.value_or(known.reuse_window);
    add_timing(config.refresh, known.name, window, timing_line(refresh, section, known.name), context, config.warnings);
  }
  for (const ProviderConfig& own : config.providers) {
    if (own.built_in || !own.reuse_window) continue;
    add_timing(config.refresh, own.name, *own.reuse_window, timing_line(refresh, section, own.name), context,
               config.warnings);
  }
}

}  // namespace keyfob::config
