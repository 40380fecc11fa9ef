# The parsers of clients' bytes, by themselves: the fuzz build has no services.
find_package(nlohmann_json REQUIRED)

millrace_fuzzer(socket_io_fuzz SOURCES src/socket_io_fuzz.cpp src/engine_io.cpp src/socket_io.cpp
                DEPS base base_json SEEDS src/socket_io_fuzz_seeds MAX_LEN 4096)
millrace_fuzzer(json_body_fuzz SOURCES src/json_body_fuzz.cpp src/json_body.cpp ../../libs/http/message.cpp ../../libs/http/reason_phrase.cpp
                DEPS base base_json SEEDS src/json_body_fuzz_seeds MAX_LEN 4096)
