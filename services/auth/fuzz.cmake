# The parsers of tokens, keys, hooks' answers and commands, by themselves: the fuzz build has no services.
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
set(parsers base base_json OpenSSL::Crypto)

millrace_fuzzer(hook_answer_fuzz
                SOURCES src/hook_answer_fuzz.cpp src/callback_protocol.cpp src/crypto.cpp src/event_token.cpp src/nginx_protocol.cpp
                        src/srs_protocol.cpp src/visit_text.cpp
                DEPS ${parsers} SEEDS src/hook_answer_fuzz_seeds MAX_LEN 4096)
millrace_fuzzer(redis_command_fuzz SOURCES src/redis_command_fuzz.cpp src/redis_command.cpp
                DEPS ${parsers} SEEDS src/redis_command_fuzz_seeds MAX_LEN 2048)
millrace_fuzzer(identity_token_fuzz
                SOURCES src/identity_token_fuzz.cpp src/account_rules.cpp src/crypto.cpp src/identity_token.cpp src/jose.cpp src/public_key.cpp
                        src/token.cpp ../../libs/mail/message.cpp
                DEPS ${parsers} SEEDS src/identity_token_fuzz_seeds MAX_LEN 4096)
millrace_fuzzer(jwks_fuzz SOURCES src/jwks_fuzz.cpp src/jose.cpp src/jwks.cpp src/public_key.cpp
                DEPS ${parsers} SEEDS src/jwks_fuzz_seeds MAX_LEN 8192)
