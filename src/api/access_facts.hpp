#pragma once
// access_facts: what the gatekeeper has to know, out of a directory. The composition root calls it when the directory
// has changed (ApiOptions::access_changed, and whenever Directory::revision() moved) and gives the result to the gate.

#include "engine/directory.hpp"
#include "ports/access_facts.hpp"

namespace keyfob::api {

[[nodiscard]] AccessFacts access_facts(const engine::DirectorySnapshot& directory);

}  // namespace keyfob::api
