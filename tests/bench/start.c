/* start.c - milliseconds from exec of a host to the first 200 of its /readyz, against fork and exec of /bin/true, in
 * turns. bench-start PAIRS PORT WEIR CONF     the conf's admin listener is 127.0.0.1:PORT */
#include "pairs.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS 10000000000u
extern char **environ;

static void die(const char *what)
{
    fprintf(stderr, "bench-start: %s\n", what);
    exit(1);
}

static pid_t spawn(char *const argv[])
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) ||
        posix_spawn(&pid, argv[0], &actions, NULL, argv, environ))
        die("cannot start a process");
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void wait_for(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) die("a process ended badly");
}

/* One GET: does it answer 200? */
static bool is_ready(uint16_t port)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[32] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool asked = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
                 send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0;
    bool yes = asked && recv(fd, answer, 12, MSG_WAITALL) == 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
    if (fd >= 0) close(fd);
    return yes;
}

static double start_host(uint16_t port, char *weir, char *conf)
{
    char *const argv[] = {weir, "run", conf, NULL};
    uint64_t began = clock_ns();
    pid_t pid = spawn(argv);
    while (!is_ready(port)) {
        if (waitpid(pid, NULL, WNOHANG) == pid) die("the host ended before it was ready");
        if (clock_ns() - began > PATIENCE_NS) die("the host is not ready after 10 s");
        const struct timespec pause = {0, 100000};
        nanosleep(&pause, NULL);
    }
    uint64_t took = clock_ns() - began;
    kill(pid, SIGTERM);
    wait_for(pid);
    return (double)took / 1e6;
}

static double start_true(void)
{
    char *const argv[] = {"/bin/true", NULL};
    uint64_t began = clock_ns();
    wait_for(spawn(argv));
    return (double)(clock_ns() - began) / 1e6;
}

int main(int argc, char **argv)
{
    struct pairs p = {.n = argc == 5 ? (unsigned)strtoul(argv[1], NULL, 10) : 0};
    if (p.n < 1 || p.n > PAIRS_MAX) die("expected: PAIRS PORT WEIR CONF");
    uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
    start_host(port, argv[3], argv[4]); /* brings the files into memory */
    for (unsigned i = 0; i < p.n; i++) {
        p.figure[i] = start_host(port, argv[3], argv[4]);
        p.reference[i] = start_true();
    }
    pairs_print(&p, "start to /readyz, ten plugins", "ms", "< 50", "start and end of /bin/true");
    return 0;
}
