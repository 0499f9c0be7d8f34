#include "web/connect_page.hpp"

#include <string_view>

namespace keyfob::sim {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

constexpr std::string_view kHead =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Connect (simulator)</title><style>"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "fieldset{border:1px solid #8888;border-radius:.5rem;margin:0 0 1rem}label{display:block}"
    "button{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem}small{opacity:.7}</style>";

std::string owner_choice(World& world, const Owner& owner, bool first) {
  std::string html = "<fieldset><label><input type=radio name=user value='" + escape(owner.id) + "'" +
                     (first ? " checked" : "") + "> <b>" + escape(owner.email) + "</b></label>";
  for (const std::string& id : owner.vehicles) {
    const Vehicle& vehicle = *world.owners.vehicle(id);
    html += "<label><input type=checkbox name=vehicle value='" + escape(id) + "' checked> " + escape(vehicle.make) +
            " " + escape(vehicle.model) + " " + std::to_string(vehicle.year) + " <small>" + escape(vehicle.vin) +
            "</small></label>";
  }
  return html + "</fieldset>";
}

std::string error_choices() {
  std::string html;
  for (const auto& [name, text] : connect_errors()) html += "<option>" + escape(name) + "</option>";
  return html;
}

}  // namespace

std::string consent_page(World& world, const ConnectRequest& request, const std::string& action) {
  constexpr std::size_t kMostOwners = 20;
  std::string html = std::string(kHead) + "<h1>Connect your car</h1><p>The application <b>" +
                     escape(request.client_id) +
                     "</b> asks for access to your vehicles.</p><form method=post action='" + escape(action) + "'>";
  std::size_t shown = 0;
  for (const Owner& owner : world.owners.all()) {
    if (shown == kMostOwners) break;
    html += owner_choice(world, owner, shown++ == 0);
  }
  html +=
      "<p><label>or sign in as another owner <input type=email name=email placeholder='somebody@example.com'></label>"
      "<small>any password would do; TYPE.CODE@smartcar.com makes vehicles that fail so</small></p>"
      "<p>Permissions:";
  for (const std::string& permission : parse_scope(request.scope)) html += " <code>" + escape(permission) + "</code>";
  return html +
         "</p><button name=decision value=allow>Allow</button><button name=decision value=deny>Deny</button>"
         "<p><label>or come back with <select name=error><option value=''>no error</option>" +
         error_choices() + "</select></label></p></form>";
}

std::string problem_page(const std::string& problem) {
  return std::string(kHead) + "<h1>Bad Request</h1><p>" + escape(problem) + "</p>";
}

}  // namespace keyfob::sim
