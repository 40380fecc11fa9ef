// What an operator can ask a running auth for on the command line, over the bus.
#pragma once

#include <optional>
#include <span>

#include "bus/endpoints.hpp"

namespace millrace::auth {

//   --regenerate-key ID   prints the new key; the old one's publication is cut
//   --ban ID, --unban ID
//   --make-private ID, --make-public ID
//   --make-admin EMAIL    of an account that has signed up
//   --revoke-tokens SUBJECT   of whoever it is: an account's id, or a subject of --issue-token
//
// The exit code; nullopt when the arguments are another command's.
std::optional<int> operator_command(std::span<char*> arguments, const bus::EndpointsConfig& bus);

}  // namespace millrace::auth
