# The parsers of clients' bytes, by themselves: the fuzz build has no sockets.
millrace_fuzzer(websocket_frame_fuzz
  SOURCES
    target.cpp
    websocket_frame.cpp
    websocket_frame_fuzz.cpp
  DEPS base
  SEEDS websocket_frame_fuzz_seeds
  MAX_LEN 1024)
find_package(nlohmann_json REQUIRED)
millrace_fuzzer(request_reader_fuzz
  SOURCES
    message.cpp
    reason_phrase.cpp
    request_parser.cpp
    request_reader.cpp
    request_reader_fuzz.cpp
    target.cpp
  DEPS base net_address nlohmann_json::nlohmann_json
  SEEDS request_reader_fuzz_seeds
  MAX_LEN 4096)
