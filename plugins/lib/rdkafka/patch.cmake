# One change to librdkafka 2.15.1, included by build.cmake; a new file name or text here means a new cache key.
# With enable.idempotence a partition sends nothing while 5 messages of it are on their way. A batch that is due by then
# makes its broker's thread poll with a time-out of 0, over and over, until the answer is there: a quarter of the CPU
# time of a host that publishes. The answer itself ends the poll, so it may wait (100 ms, for the time-out scan's sake).
set(broker ${source}/src/rdkafka_broker.c)
file(READ ${broker} text)
set(before "        if (max_requests <= 0)
                return 0;

        r = rktp->rktp_xmit_msgq.rkmq_msg_cnt;")
set(after "        if (max_requests <= 0) {
                if (*next_wakeup <= now)
                        *next_wakeup = now + 100000;
                return 0;
        }

        r = rktp->rktp_xmit_msgq.rkmq_msg_cnt;")
string(FIND "${text}" "${before}" first)
string(FIND "${text}" "${before}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "librdkafka: src/rdkafka_broker.c is not what patch.cmake expects")
endif()
string(REPLACE "${before}" "${after}" text "${text}")
file(WRITE ${broker} "${text}")
