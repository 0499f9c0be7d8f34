#pragma once
// GatewayConversation: carries out what Passage decides, for one caller's connection.

#include <boost/asio/any_io_executor.hpp>
#include <expected>
#include <memory>
#include <string>

#include "gateway/authz.hpp"
#include "gateway/caller_memo.hpp"
#include "gateway/credential.hpp"
#include "gateway/gateway.hpp"
#include "gateway/passage.hpp"
#include "gateway/plan.hpp"
#include "gateway/request_figures.hpp"
#include "gateway/throttled_vehicles.hpp"
#include "http/request_id.hpp"

namespace keyfob::gateway {

/// What all conversations of one thread share.
struct GatewayThread {
  GatewayPorts ports;
  const GatewayOptions& options;
  std::shared_ptr<const Plan> plan;
  Origins origins;
  boost::asio::any_io_executor background;
  std::unique_ptr<DirectAnswers> direct;          ///< null: there is none
  std::shared_ptr<ThrottledVehicles> throttled;   ///< of all threads; null unless it is asked for
  std::shared_ptr<http::RequestIds> request_ids;  ///< of all threads
  TokenSlot slot{};                               ///< scratch of one try_get, wiped when its token has been injected
  CredentialSlot credential{};                    ///< the same of one try_authorization
};

using TokenAnswered = std::expected<GrantToken, TokenFailure>;
using CredentialAnswered = std::expected<Authorization, TokenFailure>;

class GatewayConversation final : public http::Conversation {
 public:
  explicit GatewayConversation(GatewayThread& thread) : thread_(thread) {}

  void on_request(http::Exchange& exchange) override;
  void on_response(http::Exchange& exchange, const http::ResponseHead& head) override;
  void on_failure(http::Exchange& exchange, http::UpstreamFailure failure) override;
  void on_end(const http::Outcome& outcome) override;

 private:
  /// The grant that the request uses: enough to say so and to refresh it.
  struct UsedGrant {
    FixedText<64> id;
    FixedText<256> user;
    FixedText<128> provider_user;
    GrantVersion version;
    [[nodiscard]] bool set(const SubjectNames& names, std::string_view grant, GrantVersion at);
  };

  void serve_api(http::Exchange& exchange);
  void decide(http::Exchange& exchange, const std::optional<Wanted>& wanted);
  [[nodiscard]] std::expected<const Admission*, AccessProblem> caller_of(const http::Exchange& exchange);
  [[nodiscard]] bool identify(http::Exchange& exchange);
  void read_user_header(const http::RequestHead& head);
  [[nodiscard]] bool is_about_somebody() const;
  [[nodiscard]] PassageFacts facts() const;
  /// What more there is to say about the passage's problem; empty: its usual words.
  [[nodiscard]] std::string_view why() const;
  void act(http::Exchange& exchange, Passage::Act next);
  void find_token(http::Exchange& exchange);
  void token_answered(http::Exchange& exchange, TokenAnswered answer);
  void refresh_answered(http::Exchange& exchange, TokenAnswered answer);
  void find_credential(http::Exchange& exchange);
  void credential_answered(http::Exchange& exchange, CredentialAnswered answer);
  void token_failed(http::Exchange& exchange, const TokenFailure& failure);
  [[nodiscard]] bool needs_no_token(const TokenFailure& failure) const;
  void wait_for_token(http::Exchange& exchange, std::string_view user);
  void wait_for_refresh(http::Exchange& exchange);
  void refresh_for_the_next();
  void wait_for_credential(http::Exchange& exchange);
  [[nodiscard]] GrantFit fit_of(const SubjectNames& grant) const;
  [[nodiscard]] GrantRef used_ref() const;
  void send(http::Exchange& exchange);
  void allow(http::Exchange& exchange);
  void wait_for_record(http::Exchange& exchange);
  void count_refusal(std::string_view request_id);
  void count_use();
  void keep_trail(const http::RequestHead& head);
  void tell(const http::Outcome& outcome) const;
  [[nodiscard]] TokenUse token_use() const { return {caller_->name, caller_->app.view(), grant_.id.view()}; }
  void pass(http::Exchange& exchange);
  [[nodiscard]] bool left_alone(http::Exchange& exchange);
  void remember_throttling(const http::ResponseHead& head);
  void watch(http::Exchange& exchange, const http::ResponseHead& head);
  void note_attention(std::string_view sample);
  void problem(http::Exchange& exchange, GatewayProblem problem, const ProblemDetails& details = {});

  GatewayThread& thread_;
  CallerMemo memo_;

  // The present request.
  const Admission* caller_ = nullptr;
  Wanted wanted_{};
  bool verdict_ = false;  ///< another gateway makes the call and wants to know: answer, do not forward
  RouteMatch route_{};
  std::string_view named_user_{};
  bool user_header_is_sound_ = true;
  Passage passage_{};
  UsedGrant grant_{};
  std::uint64_t credential_ = 0;  ///< serial of the application token that was sent
  int watched_ = 0;               ///< status of an answer whose body may ask for the owner; 0: none
  FixedText<16> watched_coding_;
  // By what the request is followed; kept when it is told or goes wrong.
  FixedText<http::kRequestIdLength> request_id_;
  FixedText<128> traceparent_;
  FixedText<16> method_;
  bool has_grant_ = false;
  bool refreshed_ = false;
  bool counted_ = false;  ///< as a use of the grant's token
  bool unreplayed_ = false;
  bool called_api_ = false;
  bool waiting_ = false;  ///< for tokens or credentials, not for the origin
  GatewayProblem answered_ = GatewayProblem::none;
  RequestClass class_ = RequestClass::gateway;
};

}  // namespace keyfob::gateway
