#include "core/answer.hpp"

namespace keyfob {

std::string_view to_string(Disposition disposition) {
  switch (disposition) {
    case Disposition::done: return "done";
    case Disposition::unsent: return "unsent";
    case Disposition::unknown: return "unknown";
    case Disposition::throttled: return "throttled";
    case Disposition::refused: return "refused";
    case Disposition::suspicious: return "suspicious";
    case Disposition::configuration: return "configuration";
    case Disposition::transient: return "transient";
  }
  return "unknown";
}

}  // namespace keyfob
