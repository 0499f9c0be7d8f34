#pragma once
// doctor: what can be wrong with an installation, looked at from outside, one finding per check. It changes nothing.

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/keyfob/context.hpp"
#include "apps/keyfob/overview.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "config/config.hpp"

namespace keyfob::cli {

enum class Health : std::uint8_t { ok, problem, skipped };
[[nodiscard]] std::string_view to_string(Health health);

/// `check` is a stable name. `why`: why it matters; `todo`: what to do. Both empty unless it is a problem.
struct Finding {
  std::string check;
  Health health = Health::ok;
  std::string what;
  std::string why{};
  std::string todo{};
};

/// What the API says about the installation, asked once; null where it cannot be asked.
struct Symptoms {
  bool daemon = false;  ///< a daemon runs on this state directory
  std::optional<Error> unreachable{};
  boost::json::value status{};
  boost::json::value apps{};
  boost::json::value keys{};
  node::Overview overview{};
  boost::json::value cuts{};  ///< audit entries "audit.cut", newest first
};

/// One check each; most give one finding, file_modes and the provider's one per thing that is wrong.
[[nodiscard]] std::vector<Finding> examine_files(const config::Config& config, const std::string& config_file);
/// Problems here mean that the API must not be asked from this process: it would migrate, or fail.
[[nodiscard]] Finding examine_schema(const config::Config& config);
[[nodiscard]] Finding examine_master_key(const config::Config& config, const Symptoms& symptoms);
[[nodiscard]] Finding examine_restored(const config::Config& config, const Symptoms& symptoms);
[[nodiscard]] std::vector<Finding> examine_providers(const config::Config& config, const Symptoms& symptoms);
[[nodiscard]] Finding examine_redirects(const config::Config& config, const Symptoms& symptoms);
[[nodiscard]] Finding examine_spool(Context& context, const Symptoms& symptoms);
[[nodiscard]] std::vector<Finding> examine_work(const config::Config& config, const Symptoms& symptoms);

/// The restored backup has been dealt with: it is not found again.
Result<void> settle_restored(const config::Config& config, WallTime now);

/// The time of an HTTP Date header (RFC 9110, section 5.6.7, IMF-fixdate).
[[nodiscard]] std::optional<WallTime> http_date(const std::string& text);

}  // namespace keyfob::cli
