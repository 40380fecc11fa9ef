#include "hooks/nginx_protocol.hpp"

#include <algorithm>
#include <array>

#include "sessions/request_text.hpp"

namespace millrace::auth {

namespace {

constexpr std::array<std::string_view, 11> kOurs = {
    "call", "app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid", "name", "type", "args"};

// The peer's own parameters, decoded and encoded again: they must not pass for one of ours, whichever of two
// a reader takes.
std::string parameters_of(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = form_unescape(pair.substr(0, equals));
    if (name.empty() || std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) continue;
    out += "&" + form_escape(name) + "=" +
           form_escape(form_unescape(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return out;
}

}  // namespace

std::optional<http::Call> NginxProtocol::call(Occasion occasion, const AccessRequest& request,
                                              WallTime) const {
  const char* name = nullptr;
  http::Call call;
  switch (occasion) {
    case Occasion::kPublish:
      name = "publish";
      call.url = settings_.on_publish;
      break;
    case Occasion::kUnpublish:
      name = "publish_done";
      call.url = settings_.on_publish_done;
      break;
    case Occasion::kPlay:
      name = "play";
      call.url = settings_.on_play;
      break;
    case Occasion::kStop:
      name = "play_done";
      call.url = settings_.on_play_done;
      break;
  }
  if (call.url.empty()) return std::nullopt;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  call.body = "call=" + std::string(name) + "&app=" + form_escape(request.app) +
              "&flashver=" + form_escape(request.flash_version) +
              "&swfurl=&tcurl=" + form_escape(request.tc_url) +
              "&pageurl=&addr=" + form_escape(request.client_ip) +
              "&clientid=" + std::to_string(request.id & 0x7fffffffU) + "&name=" + form_escape(request.name);
  if (occasion == Occasion::kPublish) call.body += "&type=live";
  call.body += parameters_of(request.query);
  return call;
}

Verdict NginxProtocol::verdict(const http::CallAnswer& answer) const {
  Verdict verdict;
  verdict.accepted = answer.status >= 200 && answer.status < 300;
  return verdict;
}

}  // namespace millrace::auth
