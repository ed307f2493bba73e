# grammar/*.rl and grammar/*.re -> gen/*.c
#
# A file whose name ends in _common.rl is only included by others. Output is written beside its target and
# renamed, so that builds of several types may run at once. A tree with gen/*.c and no Ragel/re2c (a source
# tarball) uses what is there.
find_program(RAGEL ragel)
find_program(RE2C re2c)
file(GLOB GRAMMAR_RAGEL CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/grammar/*.rl)
file(GLOB GRAMMAR_RE2C CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/grammar/*.re)
set(GRAMMAR_COMMON ${GRAMMAR_RAGEL})
list(FILTER GRAMMAR_COMMON INCLUDE REGEX "_common\\.rl$")
list(FILTER GRAMMAR_RAGEL EXCLUDE REGEX "_common\\.rl$")
set(GEN_DIR ${CMAKE_SOURCE_DIR}/gen)
set(GEN_SOURCES)

foreach(src ${GRAMMAR_RAGEL})
    get_filename_component(name ${src} NAME_WE)
    set(out ${GEN_DIR}/${name}.c)
    if(RAGEL)
        add_custom_command(OUTPUT ${out} DEPENDS ${src} ${GRAMMAR_COMMON} VERBATIM
            COMMAND ${CMAKE_SOURCE_DIR}/tools/generate.sh ragel ${src} ${out}
            WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "ragel -G2 grammar/${name}.rl")
    endif()
    list(APPEND GEN_SOURCES ${out})
endforeach()

foreach(src ${GRAMMAR_RE2C})
    get_filename_component(name ${src} NAME_WE)
    set(out ${GEN_DIR}/${name}.c)
    if(RE2C)
        add_custom_command(OUTPUT ${out} DEPENDS ${src} VERBATIM
            COMMAND ${CMAKE_SOURCE_DIR}/tools/generate.sh re2c ${src} ${out}
            WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "re2c grammar/${name}.re")
    endif()
    list(APPEND GEN_SOURCES ${out})
endforeach()

foreach(out ${GEN_SOURCES})
    if(NOT EXISTS ${out} AND NOT (RAGEL AND RE2C))
        message(FATAL_ERROR "${out} is missing: install Ragel and re2c, or take a source tarball (./build.sh dist), which has it")
    endif()
endforeach()

add_custom_target(gen DEPENDS ${GEN_SOURCES})
