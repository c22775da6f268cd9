# Events as lines of text, and the batches that wait to be written.
add_library(weir-lines STATIC lines.c lines_event.c)
target_include_directories(weir-lines PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(weir-lines PUBLIC weir-plugin-headers weir-json-pb)
target_compile_options(weir-lines PRIVATE ${WEIR_WARNINGS})
