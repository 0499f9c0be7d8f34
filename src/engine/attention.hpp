#pragma once
// AttentionNotes: puts what the provider said about an owner onto his grant.

#include <string>
#include <unordered_map>

#include "engine/refresher.hpp"
#include "ports/attention_sink.hpp"

namespace keyfob::engine {

/// Lives on the engine's executor; note() may be called from any thread.
class AttentionNotes final : public AttentionSink {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Milliseconds kQuiet = seconds(60);  ///< the same is looked at this often

  explicit AttentionNotes(RefreshContext& context) : context_(context) {}
  void note(GrantRef ref, std::string reason, std::string vehicle) noexcept override;

 private:
  Task<void> write(GrantRef ref, Attention attention);
  [[nodiscard]] bool is_news(const GrantRef& ref, const Attention& attention);

  RefreshContext& context_;
  std::unordered_map<std::string, BootTime> noted_;
};

}  // namespace keyfob::engine
