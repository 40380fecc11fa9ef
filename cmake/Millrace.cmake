# One way to declare each kind of target. Include paths are the same everywhere: "base/bytes.hpp", "media/sample.hpp".
# DEPS are targets of Millrace, linked as millrace::<name>, so that a name that does not exist stops CMake and is not
# taken for a library of the system; other packages' targets (Package::name) may stand among them. SYSTEM_DEPS are
# libraries of the system by file or plain name.

find_package(Threads REQUIRED)
# What `./millrace up` runs: the services, millrace-log and the web files.
add_custom_target(programs)
find_program(CCACHE ccache)
if(CCACHE)
  # Time macros and precompiled headers are safe here: no source uses __TIME__, and every unit names its headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

add_library(millrace_flags INTERFACE)
target_compile_options(millrace_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
                       $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                       # GCC 12 sees these through std::deque and std::optional at -O2 where there are none.
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-pointer> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
target_include_directories(millrace_flags INTERFACE ${CMAKE_SOURCE_DIR}/libs)
target_link_libraries(millrace_flags INTERFACE Threads::Threads)
if(MILLRACE_SANITIZE)
  add_compile_options(-fsanitize=${MILLRACE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MILLRACE_SANITIZE})
  add_compile_definitions(MILLRACE_SANITIZED=1)
  if(MILLRACE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio uses a fence around its own atomics; gcc warns that TSan does not model it.
    add_compile_options(-Wno-tsan)
  endif()
  if(MILLRACE_SANITIZE MATCHES thread)
    add_library(tsan_suppressions OBJECT ${CMAKE_CURRENT_LIST_DIR}/tsan_suppressions.cpp)
    set(MILLRACE_PROGRAM_OBJECTS $<TARGET_OBJECTS:tsan_suppressions>)
  endif()
endif()
if(MILLRACE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# millrace_link(target PUBLIC|PRIVATE|INTERFACE name …): links targets, those without a package Millrace's own.
function(millrace_link target scope)
  list(TRANSFORM ARGN PREPEND millrace:: REGEX "^[^:]+$")
  target_link_libraries(${target} ${scope} ${ARGN})
endfunction()

# millrace_library(name SOURCES … DEPS … [SYSTEM_DEPS …]): a static library, millrace::<name> for whoever links it.
function(millrace_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;SYSTEM_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  add_library(millrace::${name} ALIAS ${name})
  target_link_libraries(${name} PUBLIC millrace_flags)
  millrace_link(${name} PUBLIC ${ARG_DEPS})
  target_link_libraries(${name} PUBLIC ${ARG_SYSTEM_DEPS})
endfunction()

# ./millrace test gives ctest three places per core. What computes takes three of them, what mostly waits for real time
# (tests/CMakeLists.txt) two. What takes long begins first (COST).
set(MILLRACE_TEST_PLACES 3)

# Sanitizer builds run in the same ctest as the plain one: "asan." and the like tell their tests apart.
set(MILLRACE_TEST_PREFIX "" CACHE STRING "Before each test's name")

# GoogleTest's headers, compiled once for all tests: half a second of each source. Tests themselves are not optimised
# (what they test is), as compiling them takes half of a build's time.
function(millrace_test_header)
  if(TARGET test_header)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/test_header.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "int main() {}\n")
  add_executable(test_header EXCLUDE_FROM_ALL ${source})
  target_link_libraries(test_header PRIVATE millrace_flags GTest::gmock)
  target_compile_options(test_header PRIVATE -O0)
  target_precompile_headers(test_header PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# millrace_test(name SOURCES … DEPS … [LABELS …] [TIMEOUT seconds] [SERIAL] [DATABASES]): GoogleTest cases, each one a
# ctest test. DATABASES: those with Postgresql in their names are one together, as a server for each would take too long.
function(millrace_test name)
  if(NOT MILLRACE_TESTS OR MILLRACE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "SERIAL;DATABASES" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  find_package(GTest REQUIRED)
  include(GoogleTest)
  millrace_test_header()
  add_executable(${name} ${ARG_SOURCES} ${MILLRACE_PROGRAM_OBJECTS})
  target_link_libraries(${name} PRIVATE millrace_flags)
  millrace_link(${name} PRIVATE ${ARG_DEPS})
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM test_header)
  set(properties LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${MILLRACE_TEST_PLACES})
  if(ARG_SERIAL)
    list(APPEND properties RUN_SERIAL TRUE)
  endif()
  set(filter)
  if(ARG_DATABASES)
    set(filter TEST_FILTER "-*Postgresql*")
    add_test(NAME "${MILLRACE_TEST_PREFIX}${name}.Postgresql" COMMAND ${name} --gtest_filter=*Postgresql*)
    set_tests_properties("${MILLRACE_TEST_PREFIX}${name}.Postgresql" PROPERTIES
      LABELS "${ARG_LABELS}" TIMEOUT 240 PROCESSORS ${MILLRACE_TEST_PLACES} COST 30 SKIP_REGULAR_EXPRESSION "SKIPPED: PostgreSQL is not installed")
  endif()
  gtest_discover_tests(${name} ${filter} NO_PRETTY_VALUES TEST_PREFIX "${MILLRACE_TEST_PREFIX}" DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

# millrace_fuzzer(name SOURCES … DEPS … SEEDS dir MAX_LEN n): a libFuzzer target, and a ctest test that runs it
# MILLRACE_FUZZ_SECONDS over its committed seeds. Inputs found while running stay in the build tree.
set(MILLRACE_FUZZ_SECONDS 15 CACHE STRING "How long ctest runs each fuzz target")
function(millrace_fuzzer name)
  if(NOT MILLRACE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "SEEDS;MAX_LEN" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE millrace_flags)
  millrace_link(${name} PRIVATE ${ARG_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name} ${CMAKE_BINARY_DIR}/crashes)
  add_test(NAME fuzz.${name}
           COMMAND ${name} -max_total_time=${MILLRACE_FUZZ_SECONDS} -max_len=${ARG_MAX_LEN} -timeout=5 -rss_limit_mb=1024
                   -print_final_stats=1 -artifact_prefix=${CMAKE_BINARY_DIR}/crashes/${name}-
                   ${CMAKE_BINARY_DIR}/corpus/${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SEEDS})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 600 PROCESSORS ${MILLRACE_TEST_PLACES} COST 15)
endfunction()

# millrace_service(name SOURCES … DEPS … [SYSTEM_DEPS …]): the static library service_<name> of these sources, which
# tests link too, and the program millrace-<name> of it and src/main.cpp.
function(millrace_service name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;SYSTEM_DEPS" ${ARGN})
  millrace_library(service_${name} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} SYSTEM_DEPS ${ARG_SYSTEM_DEPS})
  target_include_directories(service_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/src)
  add_executable(millrace-${name} src/main.cpp ${MILLRACE_PROGRAM_OBJECTS})
  target_link_libraries(millrace-${name} PRIVATE service_${name})
  add_dependencies(programs millrace-${name})
endfunction()

# millrace_program(name SOURCES … DEPS …): tools and benchmarks.
function(millrace_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${MILLRACE_PROGRAM_OBJECTS})
  target_link_libraries(${name} PRIVATE millrace_flags)
  millrace_link(${name} PRIVATE ${ARG_DEPS})
  if(name MATCHES "^millrace-")
    add_dependencies(programs ${name})
  endif()
endfunction()
