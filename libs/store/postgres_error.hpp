// What PostgreSQL's SQLSTATEs (PostgreSQL 15, appendix A) mean to us. Private to libs/store.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::store {

// Of a server that answered. The server's own text is left out: it quotes rows and values.
[[nodiscard]] Error postgres_error(std::string_view sqlstate, const std::string& database);

// Two transactions that do not fit together: the same work may well succeed when it runs again.
bool is_worth_another_run(std::string_view sqlstate);

// A change to a server that takes none.
inline constexpr std::string_view kReadOnly = "25006";

// The server ends the conversation with this, or the connection leads to the wrong server by now: another one
// is needed.
bool ends_the_connection(std::string_view sqlstate);

// Why no connection came to be: the first line of libpq's text without the password.
[[nodiscard]] std::string connect_reason(std::string_view text, const std::string& password);

}  // namespace millrace::store
