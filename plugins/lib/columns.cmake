# Protobuf field -> typed column by reflection: the plan, and the reader of one event's wire bytes.
add_library(weir-columns STATIC ${CMAKE_CURRENT_LIST_DIR}/columns_plan.c ${CMAKE_CURRENT_LIST_DIR}/columns_read.c
  ${CMAKE_CURRENT_LIST_DIR}/columns_value.c)
target_include_directories(weir-columns PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(weir-columns PUBLIC weir-plugin-headers PkgConfig::PROTOBUF_C)
target_compile_options(weir-columns PRIVATE ${WEIR_WARNINGS})
