#pragma once
// ProgramKeyProvider: a master key behind a program of the user's own (docs/how-to/keys.md, "A program").

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "ports/key_provider.hpp"

namespace keyfob::keys {

/// Immutable, any thread; completes on the awaiting executor. Every call is one run of the program, on a thread of its
/// own. damaged: the program said so by exit code 3. unavailable: everything else that goes wrong with it.
class ProgramKeyProvider final : public KeyProvider {
 public:
  /// Asks the program for the name of its key. Blocks for at most `limit`.
  [[nodiscard]] static Result<std::unique_ptr<ProgramKeyProvider>> open(const std::string& path,
                                                                        Milliseconds limit = seconds(10));

  [[nodiscard]] std::string fingerprint() const override { return name_; }
  Task<Result<Bytes>> wrap(Secret key, Bytes context) override;
  Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) override;

 private:
  ProgramKeyProvider(std::string path, Milliseconds limit, std::string name)
      : path_(std::move(path)), limit_(limit), name_(std::move(name)) {}
  std::string path_;
  Milliseconds limit_;
  std::string name_;
};

}  // namespace keyfob::keys
