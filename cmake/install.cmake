# What `./build.sh install` installs beside the library (runtime/codec/install.cmake): the server, its tools, documents,
# man pages and examples. Not installed is the name nats-server: the Go server's package has that.
include(GNUInstallDirs)
install(TARGETS midge midge-decode midge-capture midge-store-tool)
install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
install(FILES README.md LICENSE differences.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN man EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
