#pragma once
// The page at /_sim/ui: watch the simulator and steer it with a mouse. It uses the control calls and nothing else.

#include <string_view>

namespace keyfob::sim {

/// One HTML document; script and style are inside, nothing is fetched from elsewhere.
[[nodiscard]] std::string_view watch_page();

}  // namespace keyfob::sim
