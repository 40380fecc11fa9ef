// POST /api/v1/login/access-token: the form of OAuth 2.0 (RFC 6749 section 4.3.2), or the same as JSON.
#include "account_answers.hpp"
#include "http/target.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxForm = 8UL * 1024;

// The first value of a field of application/x-www-form-urlencoded; nullopt when there is none or it is not
// what it says.
std::optional<std::string> form_field(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const std::size_t end = form.find('&');
    const std::string_view pair = form.substr(0, end);
    form.remove_prefix(end == std::string_view::npos ? form.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    const Result<std::string> value = http::percent_decode(pair.substr(equals + 1), true);
    if (!value || !http::is_valid_utf8(*value)) return std::nullopt;
    return *value;
  }
  return std::nullopt;
}

// Also what auth would call wrong is a matter of the password, not of its form: only absence is reported.
std::optional<http::Response> read_form(const Call& call, auth::v1::Login& login) {
  const std::string_view form = std::string_view(call.body).substr(0, kMaxForm);
  for (const std::string_view name : {"username", "password"}) {
    const std::optional<std::string> value = form_field(form, name);
    if (!value) return invalid_field(422, "invalid_field", name, "is needed");
    name == "username" ? login.set_email(*value) : login.set_password(*value);
  }
  return std::nullopt;
}

std::optional<http::Response> read_json(const Call& call, auth::v1::Login& login) {
  JsonBody body = JsonBody::parse(call.body);
  const std::optional<std::string> email = body.text("email", kMaxEmail);
  login.set_email(email ? *email : body.required_text("username", kMaxEmail));
  login.set_password(body.required_text("password", kMaxPassword));
  if (body.fault()) return body.refusal(422);
  return std::nullopt;
}

http::Response wrong() {
  http::Response response =
      http::Response::problem(401, "wrong_credentials", "The e-mail address or the password is wrong.");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

http::Response login_post(const Call& call, const Context& context) {
  bus::v1::Request request;
  auth::v1::Login& login = *request.mutable_login();
  login.set_peer_address(call.peer_address);
  const bool form = call.content_type.starts_with("application/x-www-form-urlencoded");
  if (const std::optional<http::Response> refused = form ? read_form(call, login) : read_json(call, login))
    return *refused;
  const AccountAnswer answer = ask_password(call, context, std::move(request));
  if (!answer) return answer.error().status == 400 ? wrong() : answer.error();
  const nlohmann::ordered_json document = {{"access_token", answer->access_token()},
                                           {"token_type", "bearer"},
                                           {"expires_in", answer->expires_in_seconds()}};
  return json_response(200, document.dump());
}

}  // namespace millrace::api
