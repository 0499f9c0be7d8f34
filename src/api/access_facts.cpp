#include "api/access_facts.hpp"

namespace keyfob::api {

AccessFacts access_facts(const engine::DirectorySnapshot& directory) {
  AccessFacts facts{.callers = directory.callers, .applications = {}};
  for (const auto& [id, app] : directory.applications) {
    facts.applications.push_back({id, app->app().provider, app->has_v3_credentials()});
  }
  return facts;
}

}  // namespace keyfob::api
