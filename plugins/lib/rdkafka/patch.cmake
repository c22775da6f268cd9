# Two changes to librdkafka 2.15.1, included by build.cmake; a new file name or text here means a new cache key.
function(replace_once file before after)
  file(READ ${file} text)
  string(FIND "${text}" "${before}" first)
  string(FIND "${text}" "${before}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "librdkafka: ${file} is not what patch.cmake expects")
  endif()
  string(REPLACE "${before}" "${after}" text "${text}")
  file(WRITE ${file} "${text}")
endfunction()

# With enable.idempotence a partition sends nothing while 5 messages of it are on their way. A batch that is due by then
# makes its broker's thread poll with a time-out of 0, over and over, until the answer is there: a quarter of the CPU
# time of a host that publishes. The answer itself ends the poll, so it may wait (100 ms, for the time-out scan's sake).
set(before "        if (max_requests <= 0)
                return 0;

        r = rktp->rktp_xmit_msgq.rkmq_msg_cnt;")
set(after "        if (max_requests <= 0) {
                if (*next_wakeup <= now)
                        *next_wakeup = now + 100000;
                return 0;
        }

        r = rktp->rktp_xmit_msgq.rkmq_msg_cnt;")
replace_once(${source}/src/rdkafka_broker.c "${before}" "${after}")

# A record's headers as they came: parsed by librdkafka they cost an allocation each, a third of what reading a record
# costs. WEIR_RDKAFKA_RAW_HEADERS says that the function is there.
set(before "
rd_kafka_msg_status_t
rd_kafka_message_status(const rd_kafka_message_t *rkmessage) {")
set(after "
void weir_rd_kafka_message_raw_headers(const rd_kafka_message_t *rkmessage,
                                       const void **data,
                                       size_t *size) {
        rd_kafka_msg_t *rkm =
            rd_kafka_message2msg((rd_kafka_message_t *)rkmessage);
        int32_t len = RD_KAFKAP_BYTES_LEN(&rkm->rkm_u.consumer.binhdrs);
        *data       = len > 0 ? rkm->rkm_u.consumer.binhdrs.data : NULL;
        *size       = len > 0 ? (size_t)len : 0;
}

${before}")
replace_once(${source}/src/rdkafka_msg.c "${before}" "${after}")
set(before "/**
 * @brief Get the message header list.")
set(after "#define WEIR_RDKAFKA_RAW_HEADERS 1
/**
 * @brief weir: a consumed message's headers as they stand in its record: their
 *        number, then name and value of each behind its length, all varints.
 *        NULL and 0: none. They live as long as the message.
 */
RD_EXPORT void
weir_rd_kafka_message_raw_headers(const rd_kafka_message_t *rkmessage,
                                  const void **data,
                                  size_t *size);

${before}")
replace_once(${source}/src/rdkafka.h "${before}" "${after}")
