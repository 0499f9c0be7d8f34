#include "keys/program_key.hpp"

#include <algorithm>
#include <utility>

#include "keys/off_thread.hpp"
#include "keys/program.hpp"

namespace keyfob::keys {
namespace {

constexpr std::string_view kFirstLine = "keyfob-kms 1\n";
constexpr int kDoesNotOpen = 3;
constexpr std::size_t kNameLimit = 128;
constexpr std::size_t kDataKeySize = 32;
/// The program itself is held to the limit; this is for a machine that stands still.
constexpr Milliseconds kGrace = seconds(2);

bool is_name(std::string_view name) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+=-";
  return !name.empty() && name.size() <= kNameLimit && name.find_first_not_of(kPlain) == std::string_view::npos;
}

void append_base64(WipedString& out, std::string_view name, ByteView bytes) {
  std::string text = to_base64(bytes);
  out.append(name).append(text).append("\n");
  wipe(text.data(), text.size());
}

std::unexpected<Error> nonsense(const ProgramRun& run) {
  return fail(ErrorCode::unavailable, "the key program " + run.path + " answered " + run.argument + " with nonsense",
              "it writes one line of base64 and exits with 0");
}

/// Its one line of output.
Result<WipedString> ask(const ProgramRun& run) {
  Result<ProgramAnswer> answer = run_program(run);
  if (!answer) return fail(answer.error());
  if (answer->exit_code == kDoesNotOpen && run.argument == "unwrap") {
    return fail(ErrorCode::damaged, "a wrapped data key does not open with this master key",
                "it was wrapped by another master key, or it is damaged");
  }
  if (answer->exit_code != 0) {
    return fail(ErrorCode::unavailable,
                "the key program " + run.path + " " + run.argument + " failed with exit code " +
                    std::to_string(answer->exit_code),
                "what it wrote to standard error tells more");
  }
  WipedString& out = answer->output;
  if (!out.empty() && out.back() == '\n') out.pop_back();
  if (out.find('\n') != WipedString::npos) return nonsense(run);
  return std::move(out);
}

ProgramRun make_run(const std::string& path, const char* operation, Milliseconds limit) {
  return {path, operation, wiped_string(kFirstLine, 512), limit};
}

}  // namespace

Result<std::unique_ptr<ProgramKeyProvider>> ProgramKeyProvider::open(const std::string& path, Milliseconds limit) {
  if (auto good = check_program(path); !good) return fail(good.error());
  const ProgramRun run = make_run(path, "identify", limit);
  const Result<WipedString> name = ask(run);
  if (!name) return fail(name.error());
  if (!is_name(*name)) return nonsense(run);
  return std::unique_ptr<ProgramKeyProvider>(new ProgramKeyProvider(path, limit, std::string(*name)));
}

Task<Result<Bytes>> ProgramKeyProvider::wrap(Secret key, Bytes context) {
  ProgramRun run = make_run(path_, "wrap", limit_);
  append_base64(run.input, "context ", context);
  append_base64(run.input, "data ", as_bytes(reveal_secret(key)));
  std::function<Result<Bytes>()> work = [run = std::move(run)]() -> Result<Bytes> {
    const Result<WipedString> line = ask(run);
    if (!line) return fail(line.error());
    std::optional<Bytes> wrapped = from_base64(*line);
    if (!wrapped || wrapped->empty()) return nonsense(run);
    return std::move(*wrapped);
  };
  Result<Bytes> wrapped = co_await off_thread<Bytes>(std::move(work), limit_ + kGrace);
  co_return wrapped;
}

Task<Result<Secret>> ProgramKeyProvider::unwrap(Bytes wrapped, Bytes context) {
  ProgramRun run = make_run(path_, "unwrap", limit_);
  append_base64(run.input, "context ", context);
  append_base64(run.input, "data ", wrapped);
  std::function<Result<Secret>()> work = [run = std::move(run)]() -> Result<Secret> {
    const Result<WipedString> line = ask(run);
    if (!line) return fail(line.error());
    std::optional<Bytes> raw = from_base64(*line);
    if (!raw || raw->size() != kDataKeySize) return nonsense(run);
    Secret key(as_text(*raw));
    wipe(raw->data(), raw->size());
    return key;
  };
  Result<Secret> key = co_await off_thread<Secret>(std::move(work), limit_ + kGrace);
  co_return key;
}

}  // namespace keyfob::keys
