#include "policy/policy.hpp"

#include <array>

namespace millrace::policy {
namespace {

using enum Operation;
using enum Role;

constexpr std::array kRules = {
    Rule{kReadDocuments, "documents.read", kAnyone, false},
    Rule{kReadStatus, "status.read", kAnyone, false},
    Rule{kListRecordings, "recordings.list", kAnyone, false},
    Rule{kReadRecording, "recording.read", kAnyone, false},
    Rule{kReadAds, "ads.read", kAnyone, false},
    Rule{kSignUp, "account.sign_up", kAnyone, false},
    Rule{kLogin, "account.login", kAnyone, false},
    Rule{kRecoverPassword, "account.recover", kAnyone, false},
    Rule{kRedeemPlayback, "playback.redeem", kAnyone, false},
    Rule{kReadStream, "stream.read", kUser, true},
    Rule{kChangeStream, "stream.change", kUser, true},
    Rule{kGrantPlayback, "playback.grant", kUser, true},
    Rule{kReadAccount, "account.read", kUser, true},
    Rule{kChangeAccount, "account.change", kUser, true},
    Rule{kListAccounts, "accounts.list", kAdmin, false},
    Rule{kManageAccounts, "accounts.manage", kAdmin, false},
    Rule{kBanStream, "stream.ban", kAdmin, false},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    if (static_cast<std::size_t>(kRules[i].operation) != i) return false;
  }
  return kRules.size() == static_cast<std::size_t>(kCount);
}
static_assert(in_order(), "one row an operation, in the order of the enumeration");

}  // namespace

std::span<const Rule> rules() {
  return kRules;
}

const Rule& rule(Operation operation) {
  return kRules.at(static_cast<std::size_t>(operation));
}

Verdict judge(const Caller& caller, Operation operation) {
  if (caller.role >= rule(operation).least) return Verdict::kAllowed;
  return caller.role == kAnyone ? Verdict::kUnauthenticated : Verdict::kForbidden;
}

Verdict judge(const Caller& caller, Operation operation, std::string_view owner) {
  const Verdict verdict = judge(caller, operation);
  if (verdict != Verdict::kAllowed || !rule(operation).own_only || caller.role == kAdmin) return verdict;
  return !owner.empty() && caller.subject == owner ? Verdict::kAllowed : Verdict::kForbidden;
}

}  // namespace millrace::policy
