// Who may do what: the one table for every transport (REST, WebSocket, gRPC, commands over Redis). A
// transport finds out who is calling and which operation it is; whether that is allowed is decided here and
// nowhere else. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::policy {

// Each may do what the ones before it may.
enum class Role : std::uint8_t {
  kAnyone,  // no token, or none that is good
  kViewer,  // may watch what its token names
  kUser,    // an account: its own streams
  kAdmin,   // everything; also anybody who may write to the Redis channel or to the bus
};

enum class Operation : std::uint8_t {
  kReadDocuments,   // API description, watch page
  kReadStatus,      // is a stream live, its public numbers; also the live feed of them
  kListRecordings,  // private ones only for their owner
  kReadRecording,
  kReadAds,
  kSignUp,
  kLogin,
  kRecoverPassword,
  kRedeemPlayback,  // a viewer key, which the call itself has, for a token
  kReadStream,      // with its key
  kChangeStream,    // start, stop, settings, a new key, private
  kGrantPlayback,   // viewer keys, signed URLs
  kReadAccount,
  kChangeAccount,
  kListAccounts,
  kManageAccounts,  // of others: roles, activity, deletion
  kBanStream,
  kCount,
};

struct Rule {
  Operation operation;
  std::string_view name;  // stable, for logs and documents: "stream.change"
  Role least;
  bool own_only;  // of others only as kAdmin
};
// One row an operation, in their order.
std::span<const Rule> rules();
const Rule& rule(Operation operation);

struct Caller {
  Role role = Role::kAnyone;
  std::string_view subject;  // whose token it is; empty for kAnyone
};

enum class Verdict : std::uint8_t {
  kAllowed,
  kUnauthenticated,  // somebody might be allowed: 401, gRPC UNAUTHENTICATED
  // This caller is not: 403, PERMISSION_DENIED (404 where it must not learn that the thing exists).
  kForbidden,
};

// Before the thing's owner is known: may such a caller do this at all?
[[nodiscard]] Verdict judge(const Caller& caller, Operation operation);
// owner: the subject whose stream or account it is.
[[nodiscard]] Verdict judge(const Caller& caller, Operation operation, std::string_view owner);

}  // namespace millrace::policy
