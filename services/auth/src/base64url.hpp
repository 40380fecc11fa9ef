// Base 64 of JSON Web Tokens: libs/base has it.
#pragma once

#include "base/base64url.hpp"

namespace millrace::auth {

using millrace::decode_base64url;
using millrace::encode_base64url;

}  // namespace millrace::auth
