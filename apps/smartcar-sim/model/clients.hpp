#pragma once
// Applications registered with the simulated Smartcar. Until the first one is registered every non-empty client is
// accepted, so that the simulator works without any set-up; from then on only registered ones are. Not thread-safe.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob::sim {

struct Client {
  std::string id;
  std::vector<std::string> secrets;        ///< each of them is accepted
  std::vector<std::string> redirect_uris;  ///< empty: any that the permitted forms allow
  std::string management_token;            ///< AMT; empty: any
  std::string v3_id;
  std::vector<std::string> v3_secrets;
};

class Clients {
 public:
  /// The client of that id, registered now if it was not.
  Client& put(std::string_view id);
  [[nodiscard]] const Client* find(std::string_view id) const;
  [[nodiscard]] bool open_to_all() const { return clients_.empty(); }
  [[nodiscard]] bool known(std::string_view id) const { return !id.empty() && (open_to_all() || find(id)); }

  /// Whether the pair may use the v2 token endpoint.
  [[nodiscard]] bool accepts(std::string_view id, std::string_view secret) const;
  /// The v2 client id behind a v3 pair; "" for any client while open to all. Nothing when refused.
  [[nodiscard]] const std::string* accepts_v3(std::string_view id, std::string_view secret) const;
  /// The client whose management token this is; "" while open to all. Nothing when refused.
  [[nodiscard]] const std::string* accepts_management(std::string_view token) const;
  /// Whether a management token was registered and this is it (while open to all none is: user tokens look alike).
  [[nodiscard]] bool managed_by(std::string_view token) const;
  [[nodiscard]] const std::map<std::string, Client, std::less<>>& all() const { return clients_; }

 private:
  std::map<std::string, Client, std::less<>> clients_;
};

}  // namespace keyfob::sim
