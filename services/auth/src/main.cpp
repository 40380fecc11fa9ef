#include "service.hpp"

namespace millrace::auth {

constexpr const char* kOptions =
    "       millrace-auth --issue-token SUBJECT [--token-life SECONDS]\n"
    "       millrace-auth --regenerate-key|--ban|--unban|--make-private|--make-public STREAM_ID\n"
    "       millrace-auth --make-admin EMAIL\n"
    "       millrace-auth --revoke-tokens SUBJECT\n";

}  // namespace millrace::auth

int main(int argc, char** argv) {
  using namespace millrace;
  auth::AuthService service;
  return runtime::run_service(
      argc, argv,
      {.name = "auth",
       .summary = "knows the accounts, keys and tokens, and decides who may publish and watch",
       .options = auth::kOptions,
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = [&](std::span<char*> arguments) { return service.command(arguments); },
       .configure_actors = {}});
}
