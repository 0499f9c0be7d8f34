#pragma once
// ImportSender: batches of grants on their way to the API, two at once, so that one is received there while the other
// is written. Lines of one user are never on their way in two batches: the file's order decides which of them wins.

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <unordered_set>

#include "apps/keyfob/context.hpp"
#include "apps/keyfob/import_reader.hpp"

namespace keyfob::cli {

/// A batch as it is sent.
struct PreparedBatch {
  ImportBatch batch;
  std::string body{};
  /// Hashes of the users in it. Empty although there are lines: they are not known.
  std::unordered_set<std::size_t> users{};
  std::uint64_t bytes_read = 0;  ///< of the file, where the batch ends
};

[[nodiscard]] PreparedBatch prepare_batch(ImportBatch batch, std::uint64_t bytes_read);

/// JSON lines.
[[nodiscard]] std::string body_of(const std::vector<ImportLine>& lines);
/// The text of "user" in a JSON object, without reading it whole. Empty: it takes more than a look.
[[nodiscard]] std::string_view user_at_a_glance(std::string_view object);

class ImportSender {
 public:
  using Post = std::function<Result<ApiAnswer>(std::string body)>;               ///< called by two threads at once
  using Answered = std::function<void(const PreparedBatch&, const ApiAnswer&)>;  ///< in the order of the batches

  ImportSender(Post post, Answered answered) : post_(std::move(post)), answered_(std::move(answered)) {}

  /// Returns once the batch is on its way. An error is that of an earlier one.
  Result<void> send(PreparedBatch batch);
  /// Waits for all.
  Result<void> finish();

 private:
  struct OnTheWay {
    PreparedBatch batch;
    std::future<Result<ApiAnswer>> answer;
  };
  [[nodiscard]] bool must_wait(const PreparedBatch& batch) const;
  Result<void> await_first();

  Post post_;
  Answered answered_;
  std::deque<OnTheWay> on_the_way_;
};

}  // namespace keyfob::cli
