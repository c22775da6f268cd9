/* A ClickHouse server out of libchdb.so, ClickHouse's engine as a library: the real HTTP and native TCP interfaces, the
 * real MergeTree on disk. For machines that have no clickhouse binary; arguments are clickhouse-local's.
 *
 *   chserve -C config.xml --path DIR --listen_host 127.0.0.1 --http_port 8123 --tcp_port 9000
 *
 * How: SYSTEM START LISTEN opens the listeners, but only when it comes by chdb_query_cmdline() (through chdb_connect()
 * it answers "start_servers_callback is not set"), and they close when that call returns. So the last statement reads
 * standard input, a pipe whose other end this process keeps open until SIGTERM or SIGINT.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* chdb.h is not in the package. */
typedef struct chdb_result_ chdb_result;
chdb_result *chdb_query_cmdline(int argc, char **argv);
const char *chdb_result_error(chdb_result *result);

struct stop {
    sigset_t signals;
    int pipe_end; /* closing it ends the last statement, and with it the servers, in good order */
};

static void *wait_for_signal(void *arg)
{
    struct stop *stop = arg;
    int signal_number;

    sigwait(&stop->signals, &signal_number);
    close(stop->pipe_end);
    return NULL;
}

/* Blocked before any other thread exists, so that only sigwait() sees the signals. */
static int watch_signals(struct stop *stop)
{
    pthread_t thread;

    sigemptyset(&stop->signals);
    sigaddset(&stop->signals, SIGTERM);
    sigaddset(&stop->signals, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &stop->signals, NULL) != 0) return -1;
    return pthread_create(&thread, NULL, wait_for_signal, stop) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static char query[] = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
                          "SELECT count() FROM file('-', 'LineAsString', 'x String') FORMAT Null";
    static char option[] = "--query";
    struct stop stop;
    int fds[2];
    char **args = calloc((size_t)argc + 3, sizeof *args);

    if (!args || pipe(fds) != 0 || dup2(fds[0], STDIN_FILENO) < 0) {
        perror("chserve");
        return 1;
    }
    close(fds[0]);
    stop.pipe_end = fds[1];
    if (watch_signals(&stop) != 0) {
        fprintf(stderr, "chserve: cannot watch for signals\n");
        return 1;
    }
    memcpy(args, argv, (size_t)argc * sizeof *args);
    args[argc] = option;
    args[argc + 1] = query;

    chdb_result *result = chdb_query_cmdline(argc + 2, args);
    const char *error = chdb_result_error(result);

    if (error) fprintf(stderr, "chserve: %s\n", error);
    return error != NULL;
}
