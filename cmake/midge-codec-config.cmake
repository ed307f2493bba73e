# find_package(midge-codec) gives midge::codec (shared) and midge::codec-static.
include(${CMAKE_CURRENT_LIST_DIR}/midge-codec-targets.cmake)
