#pragma once
// CachedGrant: what is remembered of a grant, with its access token as vault::KeptTokens keeps it, in one block of
// memory: a look-up among a million of them is a wait for memory, and one block is one wait.

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/packed_texts.hpp"
#include "core/grant.hpp"
#include "ports/token_source.hpp"

namespace keyfob::engine {

class CachedGrant;
using CachedGrantPtr = boost::intrusive_ptr<const CachedGrant>;

/// Immutable but for a flag; any thread. Views are valid while a pointer to it is held.
class CachedGrant final : public SlotSource {
 public:
  [[nodiscard]] static CachedGrantPtr of(const Grant& grant, ByteView kept_token);
  /// As much of the grant as is remembered.
  [[nodiscard]] Grant copy() const;

  [[nodiscard]] GrantVersion version() const { return version_; }
  [[nodiscard]] GrantStatus status() const { return status_; }
  [[nodiscard]] WallTime access_expires_at() const { return access_expires_at_; }
  [[nodiscard]] std::string_view app() const { return part(0, app_size_); }
  [[nodiscard]] std::string_view grant() const { return part(app_size_, grant_size_); }
  [[nodiscard]] std::string_view user() const { return part(app_size_ + grant_size_, user_size_); }
  [[nodiscard]] PackedTexts vehicles() const { return PackedTexts(part(vehicles_begin(), vehicles_size_)); }
  /// Empty: the token did not open.
  [[nodiscard]] ByteView kept_token() const { return as_bytes(part(kept_begin(), kept_size_)); }
  [[nodiscard]] std::string_view provider_user() const { return part(provider_user_begin(), provider_user_size_); }
  [[nodiscard]] std::string_view scope() const {
    return part(provider_user_begin() + provider_user_size_, scope_size_);
  }
  [[nodiscard]] bool opens(std::string_view vehicle) const;
  [[nodiscard]] bool is(std::string_view app, std::string_view grant) const {
    return this->grant() == grant && this->app() == app;
  }
  /// Fills `out` but for its token. Short texts are copied: a count of holders would be a place in memory that all
  /// threads write to.
  void show(TokenSlot& out) const;
  /// Where the kept token is among the texts of a slot that shows this grant.
  [[nodiscard]] ByteView kept_token_in(const TokenSlot& slot) const {
    return as_bytes({slot.grant.data() - app_size_ + kept_begin(), kept_size_});
  }
  /// Whether this is the first time that somebody asks for its background refresh.
  [[nodiscard]] bool ask_refresh() const { return !refresh_asked_.exchange(true, std::memory_order_relaxed); }
  /// Tells the processor that the texts will be read at once.
  void prefetch() const {
    for (std::size_t at = kLine; at < kPrefetched; at += kLine) __builtin_prefetch(bytes() - sizeof(*this) + at);
  }

  static void operator delete(void* block) { ::operator delete(block); }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kPrefetched = 6 * kLine;

  CachedGrant(const Grant& grant, ByteView kept_token);
  struct Behind {
    std::size_t bytes;
  };
  static void* operator new(std::size_t size, Behind behind) { return ::operator new(size + behind.bytes); }
  static void operator delete(void* block, Behind) { ::operator delete(block); }

  [[nodiscard]] const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::string_view part(std::size_t begin, std::size_t size) const { return {bytes() + begin, size}; }
  [[nodiscard]] std::size_t vehicles_begin() const { return std::size_t{app_size_} + grant_size_ + user_size_; }
  [[nodiscard]] std::size_t texts_size() const { return provider_user_begin() + provider_user_size_ + scope_size_; }
  [[nodiscard]] std::size_t kept_begin() const { return vehicles_begin() + vehicles_size_; }
  [[nodiscard]] std::size_t provider_user_begin() const { return kept_begin() + kept_size_; }

  GrantStatus status_;
  mutable std::atomic<bool> refresh_asked_ = false;
  std::uint16_t app_size_;
  std::uint16_t grant_size_;
  std::uint16_t user_size_;
  std::uint16_t provider_user_size_;
  std::uint32_t vehicles_size_;
  std::uint32_t kept_size_;
  std::uint32_t scope_size_;
  GrantVersion version_;
  WallTime access_expires_at_;
};

}  // namespace keyfob::engine
