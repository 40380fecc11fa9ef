// Answers of hooks and what peers put into their queries: whatever the bytes are, no more forward URLs than
// allowed, and no parameter of the peer's that a form's reader could take for ours.
#include <cstdlib>

#include "hooks/callback_protocol.hpp"
#include "hooks/nginx_protocol.hpp"
#include "hooks/srs_protocol.hpp"
#include "sessions/request_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using namespace millrace::auth;
  static const SrsProtocol srs("http://h/", "server");
  static const NginxProtocol nginx(
      {.on_publish = "http://h/", .on_publish_done = {}, .on_play = {}, .on_play_done = {}});
  static const CallbackProtocol callback({.url = "http://h/",
                                          .secret = Secret("s"),
                                          .subject = "rtmp_event",
                                          .rtmp_host = {},
                                          .rtmp_port = 1935});
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (srs.verdict({.status = 200, .body = text}).forward_urls.size() > SrsProtocol::kMaxForwardUrls)
    std::abort();
  AccessRequest request;
  request.app = request.name = request.query = request.tc_url = request.flash_version = text;
  (void)srs.call(Occasion::kPlay, request, {});
  (void)callback.call(Occasion::kUnpublish, request, {});
  request.app = request.name = request.tc_url = request.flash_version = "x";
  const http::Call call = nginx.call(Occasion::kPublish, request, {}).value();
  std::string_view form = call.body;
  int names = 0;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const std::string name = form_unescape(pair.substr(0, pair.find('=')));
    if (name == "name" || name == "call" || name == "addr") ++names;
  }
  if (names != 3) std::abort();
  return 0;
}
