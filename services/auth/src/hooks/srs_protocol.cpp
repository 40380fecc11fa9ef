#include "hooks/srs_protocol.hpp"

#include <nlohmann/json.hpp>

#include "base/bounded_json.hpp"
#include "sessions/request_text.hpp"

namespace millrace::auth {

namespace {

using Json = nlohmann::json;

// What SRS says where no virtual host is configured; its stream_url then has none.
constexpr const char* kVhost = "__defaultVhost__";

const char* action_of(Occasion occasion) {
  switch (occasion) {
    case Occasion::kPublish:
      return "on_publish";
    case Occasion::kUnpublish:
      return "on_unpublish";
    case Occasion::kPlay:
      return "on_play";
    case Occasion::kStop:
      break;
  }
  return "on_stop";
}

}  // namespace

std::optional<http::Call> SrsProtocol::call(Occasion occasion, const AccessRequest& request, WallTime) const {
  Json body = {{"server_id", server_id_},
               {"service_id", "millrace"},
               {"action", action_of(occasion)},
               {"client_id", id_text(request.id)},
               {"request_id", id_text(request.id)},
               {"ip", request.client_ip},
               {"addr", request.client_ip},
               {"vhost", kVhost},
               {"app", request.app},
               {"stream", request.name},
               {"param", request.query.empty() ? "" : "?" + request.query},
               {"stream_url", "/" + request.app + "/" + request.name},
               {"stream_id", request.stream_id}};
  if (occasion == Occasion::kPublish || occasion == Occasion::kPlay) body["tcUrl"] = request.tc_url;
  if (occasion == Occasion::kPlay) body["pageUrl"] = "";
  http::Call call;
  call.url = url_;
  call.headers = {{"Content-Type", "application/json"}};
  call.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return call;
}

Verdict SrsProtocol::verdict(const http::CallAnswer& answer) const {
  Verdict verdict;
  if (answer.status != 200) return verdict;
  const Json body = parse_json(answer.body).value_or(nullptr);
  if (body.is_number_integer()) {
    verdict.accepted = body == 0;
    return verdict;
  }
  if (!body.is_object()) return verdict;
  const auto code = body.find("code");
  verdict.accepted = code != body.end() && code->is_number_integer() && *code == 0;
  const auto data = body.find("data");
  if (!verdict.accepted || data == body.end() || !data->is_object()) return verdict;
  const auto urls = data->find("urls");
  if (urls == data->end() || !urls->is_array()) return verdict;
  for (const Json& url : *urls) {
    if (url.is_string() && verdict.forward_urls.size() < kMaxForwardUrls) {
      verdict.forward_urls.push_back(url.get<std::string>());
    }
  }
  return verdict;
}

}  // namespace millrace::auth
