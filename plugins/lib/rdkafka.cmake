# weir-rdkafka: librdkafka for the kafka plugins and tools. A system one when it is new enough (2.6.1 is the first that
# can log in to Kafka 4 by SCRAM), else 2.15.1 pinned by checksum, built once and linked statically with hidden symbols,
# so that an installed weir has no library to find. WEIR_RDKAFKA is the target or "", for weir_add_plugin(... NEEDS).
include_guard(GLOBAL) # other parts include it too: a glob has no order to rely on
set(WEIR_RDKAFKA "" CACHE INTERNAL "weir-rdkafka, or empty")
set(WEIR_RDKAFKA_MISSING "" CACHE INTERNAL "what to install to get it")

set(rdkafka_package "@confluentinc/kafka-javascript@1.10.1") # carries librdkafka's whole source
set(rdkafka_archive "confluentinc-kafka-javascript-1.10.1.tgz")
set(rdkafka_sha256 "ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66")
# No Kerberos, no OIDC, no syslog: neither their libraries nor a shared library's search path are needed then.
set(rdkafka_flags --disable-gssapi --disable-syslog --disable-curl --disable-lz4-ext --disable-debug-symbols)

pkg_check_modules(WEIR_PC_RDKAFKA QUIET IMPORTED_TARGET GLOBAL "rdkafka>=2.6.1")
if(WEIR_PC_RDKAFKA_FOUND)
  add_library(weir-rdkafka INTERFACE)
  target_link_libraries(weir-rdkafka INTERFACE PkgConfig::WEIR_PC_RDKAFKA)
  set(WEIR_RDKAFKA weir-rdkafka CACHE INTERNAL "")
  return()
endif()

# What the bundled build needs, each missing one named by its package.
set(rdkafka_missing "")
foreach(pair "libssl-dev=openssl" "zlib1g-dev=zlib" "libzstd-dev=libzstd")
  string(REGEX MATCH "^(.*)=(.*)$" _ ${pair})
  set(package ${CMAKE_MATCH_1})
  set(module ${CMAKE_MATCH_2})
  pkg_check_modules(WEIR_PC_RDKAFKA_${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT WEIR_PC_RDKAFKA_${module}_FOUND)
    list(APPEND rdkafka_missing ${package})
  endif()
endforeach()

# One cache for all build folders of a user; its key says everything the result depends on.
if(DEFINED ENV{WEIR_CACHE})
  set(rdkafka_cache $ENV{WEIR_CACHE})
elseif(DEFINED ENV{HOME})
  set(rdkafka_cache $ENV{HOME}/.cache/weir)
else()
  set(rdkafka_cache ${CMAKE_BINARY_DIR}/cache)
endif()
file(SHA256 ${CMAKE_CURRENT_LIST_DIR}/rdkafka/patch.cmake rdkafka_patch)
string(SHA256 rdkafka_key "${rdkafka_sha256} ${rdkafka_patch} ${rdkafka_flags} ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} \
${CMAKE_SYSTEM_PROCESSOR} ${WEIR_PC_RDKAFKA_openssl_VERSION} ${WEIR_PC_RDKAFKA_libzstd_VERSION}")
string(SUBSTRING ${rdkafka_key} 0 16 rdkafka_key)
set(rdkafka_home ${rdkafka_cache}/librdkafka-2.15.1-${rdkafka_key})
if(NOT EXISTS ${rdkafka_home}/lib/librdkafka.a)
  foreach(tool npm make)
    find_program(WEIR_TOOL_${tool} ${tool})
    if(NOT WEIR_TOOL_${tool})
      list(APPEND rdkafka_missing ${tool})
    endif()
  endforeach()
endif()
if(rdkafka_missing)
  list(JOIN rdkafka_missing " " rdkafka_missing)
  set(WEIR_RDKAFKA_MISSING "librdkafka-dev 2.6.1 or later, or to build it here: ${rdkafka_missing}" CACHE INTERNAL "")
  return()
endif()

# The download happens now and not in the build: without it the kafka plugins are skipped and the rest builds.
if(NOT EXISTS ${rdkafka_home}/lib/librdkafka.a)
  include(${CMAKE_CURRENT_LIST_DIR}/rdkafka/download.cmake)
  weir_rdkafka_download(${WEIR_TOOL_npm} ${rdkafka_package} ${rdkafka_cache} ${rdkafka_archive} ${rdkafka_sha256}
    rdkafka_error)
  if(rdkafka_error)
    message(WARNING "librdkafka: ${rdkafka_error}")
    set(WEIR_RDKAFKA_MISSING "librdkafka-dev 2.6.1 or later (its source could not be downloaded)" CACHE INTERNAL "")
    return()
  endif()
endif()

set(rdkafka_out ${CMAKE_BINARY_DIR}/rdkafka)
list(JOIN rdkafka_flags " " rdkafka_flags)
add_custom_command(OUTPUT ${rdkafka_out}/lib/librdkafka.a
  COMMAND ${CMAKE_COMMAND} -DARCHIVE=${rdkafka_cache}/${rdkafka_archive} -DHOME=${rdkafka_home} -DOUT=${rdkafka_out}
    -DCC=${CMAKE_C_COMPILER} "-DFLAGS=${rdkafka_flags}" -P ${CMAKE_CURRENT_LIST_DIR}/rdkafka/build.cmake
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/rdkafka/build.cmake ${CMAKE_CURRENT_LIST_DIR}/rdkafka/patch.cmake
  COMMENT "librdkafka 2.15.1: taking it from ${rdkafka_home}, or building it there once (about a minute)" VERBATIM)
add_custom_target(weir-rdkafka-build DEPENDS ${rdkafka_out}/lib/librdkafka.a)
add_library(weir-rdkafka INTERFACE)
add_dependencies(weir-rdkafka weir-rdkafka-build)
target_include_directories(weir-rdkafka SYSTEM INTERFACE ${rdkafka_out}/include)
target_link_libraries(weir-rdkafka INTERFACE ${rdkafka_out}/lib/librdkafka.a PkgConfig::WEIR_PC_RDKAFKA_openssl
  PkgConfig::WEIR_PC_RDKAFKA_zlib PkgConfig::WEIR_PC_RDKAFKA_libzstd Threads::Threads ${CMAKE_DL_LIBS} m)
target_link_options(weir-rdkafka INTERFACE -Wl,--exclude-libs,librdkafka.a)
set(WEIR_RDKAFKA weir-rdkafka CACHE INTERNAL "")
