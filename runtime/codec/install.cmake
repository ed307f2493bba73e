# The public library: libmidge-codec, shared and static, out of the objects that the server has linked, too.
#
# Exported is what <midge/*.h> declares (tests/tools/test_library.sh compares). In the static library the objects are
# linked into one whose hidden symbols are made local: an internal name can meet none of a program that links it.
# While the major version is 0 structs may change with each minor version, so that is part of the SONAME.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(codec_soversion ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(codec_soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

add_library(midge-codec-shared SHARED $<TARGET_OBJECTS:midge-codec-objects>)
set_target_properties(midge-codec-shared PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME midge-codec EXPORT_NAME codec
    VERSION ${PROJECT_VERSION} SOVERSION ${codec_soversion} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
if(NOT MIDGE_SANITIZE)
    target_link_options(midge-codec-shared PRIVATE -Wl,-z,defs -Wl,--as-needed) # what it needs it says
endif()

set(codec_object ${CMAKE_BINARY_DIR}/lib/midge-codec.o)
add_custom_command(OUTPUT ${codec_object} DEPENDS midge-codec-objects $<TARGET_OBJECTS:midge-codec-objects>
    COMMAND ${CMAKE_LINKER} -r -o ${codec_object} $<TARGET_OBJECTS:midge-codec-objects>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${codec_object}
    COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking midge-codec.o")
set_source_files_properties(${codec_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(midge-codec-static STATIC ${codec_object})
set_target_properties(midge-codec-static PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME midge-codec EXPORT_NAME codec-static
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

foreach(target midge-codec-shared midge-codec-static)
    target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

# ---- install: library, headers, pkg-config, CMake package ----

install(TARGETS midge-codec-shared midge-codec-static EXPORT midge-codec)
install(DIRECTORY runtime/include/midge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
file(RELATIVE_PATH codec_up /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${CMAKE_SOURCE_DIR}/cmake/midge-codec.pc.in ${CMAKE_BINARY_DIR}/lib/midge-codec.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/lib/midge-codec.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/midge-codec)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lib/midge-codec-config-version.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES cmake/midge-codec-config.cmake ${CMAKE_BINARY_DIR}/lib/midge-codec-config-version.cmake
    DESTINATION ${package_dir})
install(EXPORT midge-codec FILE midge-codec-targets.cmake NAMESPACE midge:: DESTINATION ${package_dir})
