// Case 47, for every transport: whatever the caller's role, what comes back is what the table of roles says.
// The expectation is written down once more here, by hand, so that a change of libs/policy that opens
// something is seen.
//
//   for (const Route& route : routes())
//     expect_verdicts("GET /api/stream/key", route.operation,
//                     [&](Role role) { return verdict of an answer to that role; });
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "policy/policy.hpp"

namespace millrace::policy::testing {

inline constexpr Role kEveryRole[] = {Role::kAnyone, Role::kViewer, Role::kUser, Role::kAdmin};

inline Role least_role(Operation operation) {
  switch (operation) {
    case Operation::kReadDocuments:
    case Operation::kReadStatus:
    case Operation::kListRecordings:
    case Operation::kReadRecording:
    case Operation::kReadAds:
    case Operation::kSignUp:
    case Operation::kLogin:
    case Operation::kRecoverPassword:
    case Operation::kRedeemPlayback:
      return Role::kAnyone;
    case Operation::kReadStream:
    case Operation::kChangeStream:
    case Operation::kGrantPlayback:
    case Operation::kReadAccount:
    case Operation::kChangeAccount:
      return Role::kUser;
    default:  // what is added later is for administrators until it stands above
      return Role::kAdmin;
  }
}

inline Verdict expected_verdict(Role role, Operation operation) {
  if (role >= least_role(operation)) return Verdict::kAllowed;
  return role == Role::kAnyone ? Verdict::kUnauthenticated : Verdict::kForbidden;
}

// where: the transport's name of what is called. call: what somebody of that role gets for something of their
// own.
inline void expect_verdicts(const std::string& where, Operation operation,
                            const std::function<Verdict(Role)>& call) {
  for (const Role role : kEveryRole) {
    EXPECT_EQ(static_cast<int>(call(role)), static_cast<int>(expected_verdict(role, operation)))
        << where << " as role " << static_cast<int>(role) << " (" << rule(operation).name << ")";
  }
}

}  // namespace millrace::policy::testing
