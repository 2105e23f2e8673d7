# howdah_unit_test(NAME [DATABASE] SOURCES a.cpp ... [APART b.cpp ...] LIBRARIES x ...): one doctest program, registered
# with ctest as NAME. APART: sources with helpers that others of the program have too, compiled by themselves.
# DATABASE runs it with the environment of the run's PostgreSQL (tests/support): PG*, HOWDAH_TEST_DSN, the sample loaded.
# A doctest run that executed no test case fails: a filter or a lost file must never look like success.
include(CMakeParseArguments)
function(howdah_unit_test NAME)
    cmake_parse_arguments(ARG "DATABASE" "" "SOURCES;APART;LIBRARIES;ARGUMENTS" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES} ${ARG_APART} ${CMAKE_SOURCE_DIR}/tests/doctest_main.cpp)
    if(ARG_APART)
        set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
    target_link_libraries(${NAME} PRIVATE doctest::doctest ${ARG_LIBRARIES})
    target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
    if(ARG_DATABASE)
        howdah_database_test(${NAME} $<TARGET_FILE:${NAME}> ${ARG_ARGUMENTS})
    else()
        add_test(NAME ${NAME} COMMAND ${NAME} ${ARG_ARGUMENTS})
    endif()
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 300)
endfunction()

# howdah_database_test(NAME COMMAND...): any command as a test that needs the run's PostgreSQL.
function(howdah_database_test NAME)
    add_test(NAME ${NAME} COMMAND ${CMAKE_SOURCE_DIR}/tests/support/with_cluster
        --state ${CMAKE_BINARY_DIR}/tests/postgres -- ${ARGN})
    set_tests_properties(${NAME} PROPERTIES FIXTURES_REQUIRED postgres)
endfunction()
