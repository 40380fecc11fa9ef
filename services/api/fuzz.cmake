# The parsers of clients' bytes, by themselves: the fuzz build has no services.
find_package(nlohmann_json REQUIRED)

millrace_fuzzer(socket_io_fuzz
  SOURCES
    src/engine_io.cpp
    src/socket_io.cpp
    src/socket_io_fuzz.cpp
  DEPS base base_json
  SEEDS src/socket_io_fuzz_seeds
  MAX_LEN 4096)
millrace_fuzzer(json_body_fuzz
  SOURCES
    ../../libs/http/message.cpp
    ../../libs/http/reason_phrase.cpp
    src/json_body.cpp
    src/json_body_fuzz.cpp
  DEPS base base_json
  SEEDS src/json_body_fuzz_seeds
  MAX_LEN 4096)
