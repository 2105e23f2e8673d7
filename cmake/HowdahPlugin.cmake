# howdah_add_plugin(ID SOURCES a.cpp ... [LIBRARIES x ...] [DATA file ...])
#
# Builds one plugin from the folder that calls it: <folder>/plugin.json is the only source of id, version and ABI; they
# are compiled in. The result is a folder <output>/plugins/<id>/ with <id>.so, plugin.json, README.md and the data files,
# and is installed as such. Used by the tree itself and, through find_package(howdah), by plugins outside it.
include_guard(GLOBAL)
include(GNUInstallDirs)

function(howdah_add_plugin ID)
    cmake_parse_arguments(ARG "NO_INSTALL" "OUTPUT" "SOURCES;LIBRARIES;DATA" ${ARGN})
    set(manifest ${CMAKE_CURRENT_SOURCE_DIR}/plugin.json)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manifest})
    file(READ ${manifest} json)
    string(JSON id GET "${json}" id)
    string(JSON version GET "${json}" version)
    string(JSON needs GET "${json}" abi needs)
    string(REGEX REPLACE ".*/" "" stem ${id})
    if(NOT id STREQUAL ID)
        message(FATAL_ERROR "${manifest}: id is \"${id}\", howdah_add_plugin() was given \"${ID}\"")
    endif()
    string(REGEX REPLACE "[^A-Za-z0-9_]" "_" target plugin_${id})

    add_library(${target} MODULE ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE howdah::sdk ${ARG_LIBRARIES})
    target_compile_definitions(${target} PRIVATE
        HOWDAH_PLUGIN_ID="${id}" HOWDAH_PLUGIN_VERSION="${version}" HOWDAH_ABI_NEEDS=${needs})
    # -fno-gnu-unique: one unique symbol would keep the library mapped for ever. -z,defs: a symbol of the kernel, or of
    # another plugin, is a link error here. Sanitizer runtimes are undefined by design, so -z,defs is left out there.
    target_compile_options(${target} PRIVATE -fvisibility=hidden -fstack-clash-protection -fasynchronous-unwind-tables
        $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique> $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>)
    target_link_options(${target} PRIVATE -Wl,-z,now,-z,relro -Wl,--exclude-libs,ALL)
    if(NOT HOWDAH_SANITIZE)
        target_link_options(${target} PRIVATE -Wl,-z,defs)
    endif()
    if(NOT ARG_OUTPUT)
        set(ARG_OUTPUT ${CMAKE_BINARY_DIR}/plugins)
    endif()
    set(folder ${ARG_OUTPUT}/${stem})
    set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME ${stem} LIBRARY_OUTPUT_DIRECTORY ${folder})

    set(data ${manifest})
    foreach(file IN ITEMS ${CMAKE_CURRENT_SOURCE_DIR}/README.md ${ARG_DATA})
        if(EXISTS ${file} OR IS_ABSOLUTE ${file})
            list(APPEND data ${file})
        else()
            list(APPEND data ${CMAKE_CURRENT_SOURCE_DIR}/${file})
        endif()
    endforeach()
    file(MAKE_DIRECTORY ${folder})
    foreach(file IN LISTS data)
        if(EXISTS ${file})
            configure_file(${file} ${folder}/ COPYONLY)
        endif()
    endforeach()
    if(NOT ARG_NO_INSTALL)
        install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/howdah/plugins/${stem} COMPONENT ${stem})
        install(FILES ${data} DESTINATION ${CMAKE_INSTALL_LIBDIR}/howdah/plugins/${stem} COMPONENT ${stem} OPTIONAL)
    endif()
endfunction()
