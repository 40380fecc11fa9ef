// Small texts about an access request, for hooks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::auth {

// 16 hexadecimal digits, as ingest logs publications.
std::string id_text(std::uint64_t id);
// application/x-www-form-urlencoded (URL Standard 5.2): everything but letters, digits and *-._ is escaped.
std::string form_escape(std::string_view text);
// The other way round; what is no escape stays as it is.
std::string form_unescape(std::string_view text);
// The value of a parameter in a query; empty when there is none.
std::string query_parameter(std::string_view query, std::string_view name);

// The query without these parameters.
std::string without_parameters(std::string_view query, std::span<const std::string_view> names);

}  // namespace millrace::auth
