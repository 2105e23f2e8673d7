# howdah_unit_test(NAME SOURCES a.cpp ... LIBRARIES x ...): one doctest program, registered with ctest as NAME.
# A doctest run that executed no test case fails: a filter or a lost file must never look like success.
include(CMakeParseArguments)
function(howdah_unit_test NAME)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;ARGUMENTS" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/doctest_main.cpp)
    target_link_libraries(${NAME} PRIVATE doctest::doctest ${ARG_LIBRARIES})
    target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
    add_test(NAME ${NAME} COMMAND ${NAME} ${ARG_ARGUMENTS})
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 300)
endfunction()
