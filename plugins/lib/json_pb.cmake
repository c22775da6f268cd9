# JSON to and from protobuf by reflection.
add_library(weir-json-pb STATIC json_buf.c json_err.c json_utf8.c json_scan.c json_value.c json_time.c json_read.c
  json_field.c json_write.c json_print.c)
target_include_directories(weir-json-pb PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(weir-json-pb PUBLIC weir-plugin-headers PRIVATE m)
target_compile_options(weir-json-pb PRIVATE ${WEIR_WARNINGS})
