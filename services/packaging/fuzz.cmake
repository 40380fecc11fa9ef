# What players send, by itself: the fuzz build has no sockets.
millrace_fuzzer(cmcd_fuzz
  SOURCES
    src/cmcd.cpp
    src/cmcd_fuzz.cpp
  SEEDS src/cmcd_fuzz_seeds
  MAX_LEN 4096)
