// What accounts are written: plain text, never HTML, and nothing in it that its receiver did not ask for
// could have put there: the name of an account is anybody's choice until the address is shown to be theirs.
#pragma once

#include "mail/message.hpp"

namespace millrace::auth {

// domain: where the site is; empty: no link.
mail::Message welcome_mail(const std::string& to, const std::string& domain);
// token: base64url.
mail::Message recovery_mail(const std::string& to, const std::string& domain, const std::string& token);
// To the address that the account had.
mail::Message address_changed_mail(const std::string& to);

}  // namespace millrace::auth
