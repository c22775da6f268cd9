# For sinks: events that wait to be settled.
add_library(weir-pending STATIC ${CMAKE_CURRENT_LIST_DIR}/pending.c)
target_include_directories(weir-pending PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(weir-pending PUBLIC weir-plugin-headers)
target_compile_options(weir-pending PRIVATE ${WEIR_WARNINGS})
