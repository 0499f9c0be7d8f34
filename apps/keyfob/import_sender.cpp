#include "apps/keyfob/import_sender.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::cli {
namespace {

constexpr std::size_t kAtOnce = 2;

std::unordered_set<std::size_t> users_of(const std::vector<ImportLine>& lines) {
  std::unordered_set<std::size_t> users;
  users.reserve(lines.size());
  for (const auto& line : lines) {
    const std::string_view user = user_at_a_glance(line.object);
    if (user.empty()) return {};
    users.insert(std::hash<std::string_view>{}(user));
  }
  return users;
}

}  // namespace

std::string body_of(const std::vector<ImportLine>& lines) {
  std::size_t size = 0;
  for (const auto& line : lines) size += line.object.size() + 1;
  std::string body;
  body.reserve(size);
  for (const auto& line : lines) body.append(line.object).append("\n");
  return body;
}

std::string_view user_at_a_glance(std::string_view object) {
  constexpr std::string_view kName = "\"user\"";
  const auto name = object.find(kName);
  // A backslash may write a name or a quote in another way, a second "user" may be the one that counts.
  if (name == std::string_view::npos || object.find('\\') != std::string_view::npos) return {};
  std::string_view rest = object.substr(name + kName.size());
  if (rest.find(kName) != std::string_view::npos) return {};
  for (const char next : {':', '"'}) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!rest.starts_with(next)) return {};
    rest.remove_prefix(1);
  }
  const auto end = rest.find('"');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

PreparedBatch prepare_batch(ImportBatch batch, std::uint64_t bytes_read) {
  std::string body = body_of(batch.good);
  auto users = users_of(batch.good);
  return {std::move(batch), std::move(body), std::move(users), bytes_read};
}

bool ImportSender::must_wait(const PreparedBatch& batch) const {
  if (on_the_way_.size() >= kAtOnce) return true;
  return std::ranges::any_of(on_the_way_, [&](const OnTheWay& other) {
    if (batch.users.empty() || other.batch.users.empty()) return true;
    return std::ranges::any_of(batch.users, [&](std::size_t user) { return other.batch.users.contains(user); });
  });
}

Result<void> ImportSender::send(PreparedBatch batch) {
  while (must_wait(batch))
    if (auto answered = await_first(); !answered) return answered;
  auto answer =
      std::async(std::launch::async, [this, body = std::move(batch.body)]() mutable { return post_(std::move(body)); });
  on_the_way_.push_back({std::move(batch), std::move(answer)});
  return {};
}

Result<void> ImportSender::finish() {
  while (!on_the_way_.empty())
    if (auto answered = await_first(); !answered) return answered;
  return {};
}

Result<void> ImportSender::await_first() {
  const Result<ApiAnswer> answer = on_the_way_.front().answer.get();
  const PreparedBatch batch = std::move(on_the_way_.front().batch);
  on_the_way_.pop_front();
  if (!answer) return fail(answer.error());
  answered_(batch, *answer);
  return {};
}

}  // namespace keyfob::cli
