#include "store/postgres_error.hpp"

#include <algorithm>
#include <array>

#include "store/errors.hpp"

namespace millrace::store {
namespace {

struct Meaning {
  std::string_view state;  // or its beginning; the first that fits counts
  ErrorCode code;
  const char* text;
};

constexpr std::array kMeanings = {
    Meaning{"23", store::errors::kConstraint, "a constraint does not allow it"},
    Meaning{"40", store::errors::kBusy, "it collided with other transactions again and again"},
    Meaning{"55P03", store::errors::kBusy, "another transaction holds a lock"},
    Meaning{"57014", store::errors::kBusy, "a statement took too long"},
    Meaning{"53100", "store.full", "the server's disk is full"},
    Meaning{"53300", store::errors::kUnavailable, "the server has no connection left"},
    Meaning{"53", store::errors::kBusy, "the server lacks resources"},
    Meaning{"08", store::errors::kUnavailable, "the connection is lost"},
    Meaning{"57", store::errors::kUnavailable, "the server ended the connection or is not ready"},
    Meaning{"25P03", store::errors::kUnavailable, "the server ended a transaction that was idle"},
    Meaning{"25006", "store.read_only", "the server takes no changes (is it a standby?)"},
    Meaning{"42501", "store.read_only", "the user of DATABASE_URL has not the rights"},
    Meaning{"XX001", "store.corrupt", "the database is damaged: put a backup in its place"},
    Meaning{"XX002", "store.corrupt", "an index is damaged: REINDEX it or put a backup in its place"},
    Meaning{"22021", "store.failed", "a text is not UTF-8"},
};

bool begins_with(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

}  // namespace

Error postgres_error(std::string_view sqlstate, const std::string& database) {
  const auto* const found = std::find_if(kMeanings.begin(), kMeanings.end(), [&](const Meaning& meaning) {
    return begins_with(sqlstate, meaning.state);
  });
  const std::string state = " (SQLSTATE " + std::string(sqlstate) + ")";
  if (found == kMeanings.end()) return {"store.failed", database + ": a statement failed" + state};
  return {found->code, database + ": " + found->text + state};
}

bool is_worth_another_run(std::string_view sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01";
}

bool ends_the_connection(std::string_view sqlstate) {
  // After a switch-over this server may be the standby, and another one takes changes.
  return begins_with(sqlstate, "08") || begins_with(sqlstate, "57P") || sqlstate == "25P03" ||
         sqlstate == kReadOnly;
}

std::string connect_reason(std::string_view text, const std::string& password) {
  constexpr std::size_t kMaxReason = 300;
  std::string reason(text);
  if (!password.empty()) {
    for (std::size_t at = reason.find(password); at != std::string::npos;
         at = reason.find(password, at + 3)) {
      reason.replace(at, password.size(), "***");
    }
  }
  // SOCI's own line comes first.
  if (const std::size_t line = reason.find('\n'); line != std::string::npos) reason.erase(0, line + 1);
  reason.erase(std::min(reason.find('\n'), reason.size()));
  return reason.substr(0, kMaxReason);
}

}  // namespace millrace::store
