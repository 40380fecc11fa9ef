# The parsers of tokens, keys, hooks' answers and commands, by themselves: the fuzz build has no services.
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
set(parsers base base_json OpenSSL::Crypto)

millrace_fuzzer(hook_answer_fuzz
  SOURCES
    src/crypto.cpp
    src/hooks/callback_protocol.cpp
    src/hooks/hook_answer_fuzz.cpp
    src/hooks/nginx_protocol.cpp
    src/hooks/srs_protocol.cpp
    src/sessions/event_token.cpp
    src/sessions/request_text.cpp
  DEPS ${parsers}
  SEEDS src/hooks/hook_answer_fuzz_seeds
  MAX_LEN 4096)
millrace_fuzzer(redis_command_fuzz
  SOURCES
    src/redis/redis_command.cpp
    src/redis/redis_command_fuzz.cpp
  DEPS ${parsers}
  SEEDS src/redis/redis_command_fuzz_seeds
  MAX_LEN 2048)
millrace_fuzzer(identity_token_fuzz
  SOURCES
    ../../libs/mail/message.cpp
    src/accounts/account_rules.cpp
    src/crypto.cpp
    src/identities/identity_token.cpp
    src/identities/identity_token_fuzz.cpp
    src/identities/jose.cpp
    src/identities/public_key.cpp
    src/token.cpp
  DEPS ${parsers}
  SEEDS src/identities/identity_token_fuzz_seeds
  MAX_LEN 4096)
millrace_fuzzer(jwks_fuzz
  SOURCES
    src/identities/jose.cpp
    src/identities/jwks.cpp
    src/identities/jwks_fuzz.cpp
    src/identities/public_key.cpp
  DEPS ${parsers}
  SEEDS src/identities/jwks_fuzz_seeds
  MAX_LEN 8192)
foreach(fuzzer hook_answer_fuzz redis_command_fuzz identity_token_fuzz jwks_fuzz)
  target_include_directories(${fuzzer} PRIVATE src)
endforeach()
