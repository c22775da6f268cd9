# A PostgreSQL connection on a lane: weir-pg-conn, only where libpq is installed.
# Plugins: weir_find(WEIR_LIBPQ ...) again, NEEDS WEIR_LIBPQ, LINK weir-pg-conn.
weir_find(WEIR_LIBPQ PKG "libpq >= 14" DEBIAN libpq-dev)
if(WEIR_LIBPQ)
  add_library(weir-pg-conn STATIC ${CMAKE_CURRENT_LIST_DIR}/pg_conn.c ${CMAKE_CURRENT_LIST_DIR}/pg_lookup.c
    ${CMAKE_CURRENT_LIST_DIR}/pg_text.c ${CMAKE_CURRENT_LIST_DIR}/pg_array.c)
  target_include_directories(weir-pg-conn PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(weir-pg-conn PUBLIC weir-plugin-headers ${WEIR_LIBPQ})
  target_compile_options(weir-pg-conn PRIVATE ${WEIR_WARNINGS})
endif()
