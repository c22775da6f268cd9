# weir-kafka-conf: what every client of librdkafka shares: its options, its log, the probe that tells when a server is back.
include(${CMAKE_CURRENT_LIST_DIR}/rdkafka.cmake)
if(WEIR_RDKAFKA)
  add_library(weir-kafka-conf STATIC ${CMAKE_CURRENT_LIST_DIR}/kafka_conf.c ${CMAKE_CURRENT_LIST_DIR}/kafka_probe.c)
  target_include_directories(weir-kafka-conf PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(weir-kafka-conf PUBLIC weir-plugin-headers weir-rdkafka)
  target_compile_options(weir-kafka-conf PRIVATE ${WEIR_WARNINGS})
endif()
