# What every target of the project is compiled with. Plugins built outside the tree get theirs from howdah_add_plugin().
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(HOWDAH_CCACHE ccache)
if(HOWDAH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Paths relative to the source tree and tolerance for precompiled headers make hits likely across build folders.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${HOWDAH_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
find_program(HOWDAH_MOLD mold)
if(HOWDAH_MOLD)
    add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
    -fstack-clash-protection -fstack-protector-strong $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
add_link_options(-Wl,-z,now,-z,relro)
# At link time GCC 12 takes std::string's copy of a literal for a read past its end.
add_link_options($<$<CONFIG:Release>:-Wno-stringop-overread>)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A class of one source may hold what its anonymous namespace has; in a file that CMake included it looks like a header's.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()

if(HOWDAH_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DHOWDAH_ASAN=1)
    add_link_options(-fsanitize=address,undefined)
elseif(HOWDAH_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-tsan -DHOWDAH_TSAN=1)
    add_link_options(-fsanitize=thread)
else()
    add_compile_definitions(_FORTIFY_SOURCE=2)  # every preset optimises, without which glibc has no checked functions
endif()

if(HOWDAH_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
