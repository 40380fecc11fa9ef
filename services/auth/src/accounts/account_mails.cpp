#include "accounts/account_mails.hpp"

namespace millrace::auth {

mail::Message welcome_mail(const std::string& to, const std::string& domain) {
  std::string text = "Hello,\n\nyour account is ready.\n";
  if (!domain.empty()) text += "Log in and find your stream key at\n\n    https://" + domain + "/\n";
  return {.to = to,
          .subject = "Welcome",
          .text = text + "\nIf you did not sign up, somebody gave your address: you can ignore this mail.\n"};
}

mail::Message recovery_mail(const std::string& to, const std::string& domain, const std::string& token) {
  return {.to = to,
          .subject = "Reset your password",
          .text =
              "Hello,\n\nsomebody, probably you, asked for a new password. Choose one here within 24 hours; "
              "the link works once:\n\n    https://" +
              domain + "/reset-password?token=" + token +
              "\n\nIf it was not you, ignore this mail: nothing has changed.\n"};
}

mail::Message address_changed_mail(const std::string& to) {
  return {
      .to = to,
      .subject = "Your e-mail address was changed",
      .text =
          "Hello,\n\nyour account has another e-mail address from now on, and this one no longer "
          "belongs to it. For a day no password can be recovered through the new one.\n\nIf it was not you, "
          "somebody else knows your password: contact the operator of the site at once.\n"};
}

}  // namespace millrace::auth
