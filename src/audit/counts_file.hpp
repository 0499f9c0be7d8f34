#pragma once
// CountsFile: the tally of the present minute in shared memory of a file, so that it outlives the process: the kernel
// keeps the pages of a killed one. What a power failure leaves of it is not promised. Format: docs/spec/audit.md.
//
// Slots are counted in place. Counts that were taken out but are not in the store yet are in the file's journal, in the
// order in which they go there.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace keyfob::audit {

enum class TallyKind : std::uint8_t { used, disclosed, refused };

/// What is counted. `object` is the grant, or the code of a refusal.
struct TallyKey {
  TallyKind kind = TallyKind::used;
  std::string_view actor;
  std::string_view app;
  std::string_view object;
};

/// One count as it stands in memory and in the file. Names longer than kText together are cut.
struct TallySlot {
  static constexpr std::size_t kText = 128;

  std::uint64_t hash = 0;  ///< 0: free; written last when a slot is taken, first cleared when it is given back
  std::uint64_t count = 0;
  std::int64_t minute = 0;   ///< its beginning, milliseconds since 1970
  std::uint64_t serial = 0;  ///< none twice while a process lives; 0 in what it found at its start
  TallyKind kind = TallyKind::used;
  std::uint8_t unused = 0;
  std::uint8_t actor = 0, app = 0, object = 0;  ///< sizes within text
  std::array<std::uint8_t, 3> unused_too{};
  std::array<char, kText> text{};

  [[nodiscard]] static std::uint64_t hash_of(const TallyKey& key, std::int64_t minute);
  [[nodiscard]] TallyKey key() const;
  [[nodiscard]] bool is_for(std::uint64_t wanted, const TallyKey& key, std::int64_t at) const;
  /// All but count and serial. The hash is the caller's to publish.
  void take(const TallyKey& key, std::int64_t at);
  /// Its sizes, kind and hash fit together.
  [[nodiscard]] bool is_sound() const;
};
static_assert(sizeof(TallySlot) == 168);

/// What a process left behind, oldest first: its journal, then the slots that are not in the journal yet.
struct LeftOver {
  std::vector<TallySlot> counts{};
  std::uint64_t unreadable = 0;  ///< slots that make no sense
  std::uint64_t durable = 0;     ///< see set_durable()
};
/// A part of a file that may be something else than zeros.
struct Extent {
  std::size_t begin = 0;
  std::size_t end = 0;
};
/// Pure; of a file with any number of slots. Slots outside of `data`, which is in order, are taken to be zeros.
/// damaged: not such a file, or one of another layout.
[[nodiscard]] Result<LeftOver> read_counts(ByteView file, std::span<const Extent> data);
[[nodiscard]] Result<LeftOver> read_counts(ByteView file);

/// Open in one process (the state directory's lock sees to that). slots(): any thread, by the tally's own rules.
/// Everything else: one thread at a time.
class CountsFile {
 public:
  /// Of a new file: 88 MB of disk, less where little is free; of memory what is used. So many grants, by half, have a
  /// place each in a minute; of those beyond, each call may become a record of its own.
  static constexpr std::size_t kSlots = 1UL << 19U;

  /// Makes the file, mode 0600, or takes over what is there: left_over() has it, and it stays in the journal until it
  /// is released. All its space is there from now on, so that counting never meets a full disk. damaged: what is there
  /// is no such file; it is renamed to PATH.damaged, and a new one is made the next time. unavailable: the file system.
  [[nodiscard]] static Result<std::unique_ptr<CountsFile>> open(const std::filesystem::path& path);
  ~CountsFile();
  CountsFile(const CountsFile&) = delete;
  CountsFile& operator=(const CountsFile&) = delete;

  [[nodiscard]] std::span<TallySlot> slots();
  [[nodiscard]] const LeftOver& left_over() const { return left_over_; }

  /// To the end of the journal. False: it could not be written or is full (64 MiB), and nothing of it is there.
  [[nodiscard]] bool append(std::span<const TallySlot> counts);
  /// The first `counts` of the journal are in the store.
  void release(std::size_t counts);
  /// Up to which record of the node's chain release() has been told. Counts in the journal may be in records after it.
  void set_durable(std::uint64_t sequence);

 private:
  CountsFile(int fd, void* memory, std::size_t slots) : fd_(fd), memory_(memory), slots_(slots) {}

  int fd_;
  void* memory_;
  std::size_t slots_;
  std::uint64_t journalled_ = 0;  // counts written to the journal since it was last empty
  LeftOver left_over_{};
};

}  // namespace keyfob::audit
