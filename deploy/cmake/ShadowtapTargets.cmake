# How a target of ours is made: warnings for our code only, one library an area.

add_library(shadowtap_warnings INTERFACE)
target_compile_options(shadowtap_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  # gcc 12 takes Asio's recycling of coroutine frames for a mismatch, and at -O2 a
  # string's operator+ for an overlapping memcpy (GCC PR 105329, 105651).
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-mismatched-new-delete -Wno-restrict>
  $<$<BOOL:${SHADOWTAP_WERROR}>:-Werror>)

add_library(shadowtap_options INTERFACE)
target_include_directories(shadowtap_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(shadowtap_options INTERFACE SHADOWTAP_VERSION="${PROJECT_VERSION}")
if(SHADOWTAP_SANITIZE)
  # Without -fno-sanitize=function UBSan and coroutines do not compile (clang 14).
  target_compile_options(shadowtap_options INTERFACE
    -fsanitize=${SHADOWTAP_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize=function -fno-sanitize-recover=all)
  target_link_options(shadowtap_options INTERFACE -fsanitize=${SHADOWTAP_SANITIZE})
endif()

# shadowtap_area(NAME SOURCES … DEPS …): the static library shadowtap_NAME.
function(shadowtap_area name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(shadowtap_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(shadowtap_${name}
    PUBLIC shadowtap_options ${ARG_DEPS} PRIVATE shadowtap_warnings)
endfunction()

# shadowtap_test(NAME SOURCES … DEPS … [LABEL unit|bpf|e2e|fuzz]): one GoogleTest
# program, run by ctest as NAME. If it is in SHADOWTAP_SHOWS_SKIPS, one skip in it makes it
# Skipped for ctest, where it would be Passed.
function(shadowtap_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)  # a busy machine, with sanitizers
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name}
    PRIVATE shadowtap_options shadowtap_warnings ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # A test is compiled more often than it is slow: what it tests keeps its own flags.
  if(SHADOWTAP_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  elseif(CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(${name} PRIVATE -O1)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  if(name IN_LIST SHADOWTAP_SHOWS_SKIPS)
    # GoogleTest's last line, where nothing failed: what matches hides a failure.
    set_tests_properties(${name} PROPERTIES
      SKIP_REGULAR_EXPRESSION "\n\\[  SKIPPED \\] [^\n]*\n$")
  endif()
endfunction()
