# gRPC C core on a lane: weir-grpc-lane, only where gRPC is installed.
# Plugins: weir_find(WEIR_GRPC ...) again, NEEDS WEIR_GRPC, LINK weir-grpc-lane.
weir_find(WEIR_GRPC PKG "grpc" DEBIAN libgrpc-dev)
if(WEIR_GRPC)
  add_library(weir-grpc-lane STATIC ${CMAKE_CURRENT_LIST_DIR}/grpc_lane.c ${CMAKE_CURRENT_LIST_DIR}/grpc_tls.c)
  target_include_directories(weir-grpc-lane PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(weir-grpc-lane PUBLIC weir-plugin-headers ${WEIR_GRPC} Threads::Threads)
  target_compile_options(weir-grpc-lane PRIVATE ${WEIR_WARNINGS})
endif()
