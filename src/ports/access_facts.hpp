#pragma once
// AccessFacts: what the decision "who is calling, and what may they do" is made from: callers and the little that it
// needs to know about their applications. A value; whoever owns the directory makes it, access/ turns it into a table.

#include <string>
#include <vector>

#include "core/application.hpp"

namespace keyfob {

struct AppFacts {
  AppId id;
  std::string provider;  ///< name of its profile
  bool v3_credentials = false;
};

struct AccessFacts {
  std::vector<CallerRecord> callers;
  std::vector<AppFacts> applications;
};

}  // namespace keyfob
