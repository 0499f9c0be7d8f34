#pragma once
// Lacks <string> on purpose: lint.headers_selftest shows that the header gate finds it.

inline std::string planted() { return {}; }
