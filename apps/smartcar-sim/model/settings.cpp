#include "model/settings.hpp"

#include <array>
#include <utility>

namespace keyfob::sim {
namespace {

template <class T, std::size_t N>
Result<T> pick(std::string_view text, const std::array<std::pair<std::string_view, T>, N>& choices) {
  std::string known;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return fail(ErrorCode::invalid_argument, "'" + std::string(text) + "' is not one of " + known);
}

}  // namespace

Result<Rotation> parse_rotation(std::string_view text) {
  return pick<Rotation, 3>(text,
                           {{{"window", Rotation::window}, {"strict", Rotation::strict}, {"none", Rotation::none}}});
}

Result<Replay> parse_replay(std::string_view text) {
  return pick<Replay, 2>(text, {{{"same", Replay::same_pair}, {"new", Replay::new_pair}}});
}

Result<RefusalWords> parse_refusal_words(std::string_view text) {
  return pick<RefusalWords, 3>(text, {{{"smartcar", RefusalWords::smartcar},
                                       {"invalid_grant", RefusalWords::invalid_grant},
                                       {"legacy", RefusalWords::legacy}}});
}

Result<Unsubscribed> parse_unsubscribed(std::string_view text) {
  return pick<Unsubscribed, 3>(
      text, {{{"empty", Unsubscribed::empty}, {"404", Unsubscribed::not_found}, {"served", Unsubscribed::served}}});
}

Result<AfterDisconnect> parse_after_disconnect(std::string_view text) {
  return pick<AfterDisconnect, 2>(
      text, {{{"403", AfterDisconnect::permission_403}, {"401", AfterDisconnect::authentication_401}}});
}

}  // namespace keyfob::sim
