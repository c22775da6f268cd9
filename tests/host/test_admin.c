/* test_admin.c - the admin listener over a real socket: what each probe says in each state, and what it refuses. */
#include "admin.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct weir_stage_status stages[2];
static struct weir_status_board board = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct weir_metrics *metrics;
static struct weir_admin *admin;
static char reply[64 * 1024];

static int begin(void **state)
{
    (void)state;
    stages[0] = (struct weir_stage_status){.pipeline = "orders",
                                           .stage = "in",
                                           .plugin = "generator",
                                           .is_source = true,
                                           .state = WEIR_READY,
                                           .was_ready = true,
                                           .since_ns = 1700000000123000000u};
    stages[1] = stages[0];
    stages[1].stage = "out";
    stages[1].is_source = false;
    board.stages = stages;
    board.n = 2;
    board.pipelines = calloc(1, sizeof(*board.pipelines));
    board.lanes = calloc(1, sizeof(*board.lanes));
    if (!board.pipelines || !board.lanes) return -1;
    board.pipelines[0].pipeline = "orders";
    board.pipelines[0].phase = WEIR_PHASE_RUNNING;
    board.n_pipelines = 1;
    board.lanes[0].pipeline = "orders";
    board.n_lanes = 1;
    metrics = weir_metrics_new();
    struct weir_err err = {0};
    admin = weir_admin_start("127.0.0.1:0", metrics, &board, &err);
    if (!admin) print_error("%s\n", err.msg);
    return admin ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    weir_admin_stop(admin);
    weir_metrics_free(metrics);
    free(board.pipelines);
    free(board.lanes);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(weir_admin_port(admin))};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

/* One request on a connection of its own; the whole answer is in `reply`, its status is returned. */
static int request(const char *text)
{
    int fd = dial();
    size_t n = 0;
    ssize_t got;
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    while ((got = recv(fd, reply + n, sizeof(reply) - 1 - n, 0)) > 0) n += (size_t)got;
    reply[n] = '\0';
    close(fd);
    int status = 0;
    assert_int_equal(sscanf(reply, "HTTP/1.1 %d", &status), 1);
    return status;
}

static int get(const char *path)
{
    char text[256];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return request(text);
}

static const char *body(void)
{
    const char *at = strstr(reply, "\r\n\r\n");
    assert_non_null(at);
    return at + 4;
}

/* The board changes as lanes change it: under its lock. */
static void set_state(size_t i, enum weir_state s, bool was_ready, const char *why)
{
    pthread_mutex_lock(&board.lock);
    stages[i].state = s;
    stages[i].was_ready = was_ready;
    snprintf(stages[i].why, sizeof(stages[i].why), "%s", why);
    pthread_mutex_unlock(&board.lock);
}

static void set_phase(enum weir_phase phase)
{
    pthread_mutex_lock(&board.lock);
    board.pipelines[0].phase = phase;
    pthread_mutex_unlock(&board.lock);
}

static void readyz(void **state)
{
    (void)state;
    assert_int_equal(get("/readyz"), 200);
    assert_string_equal(body(), "ready\n");
    set_state(1, WEIR_STARTING, false, "connecting to db:5432");
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "orders/out lane 0: not ready yet: connecting to db:5432\n");
    set_state(1, WEIR_DEGRADED, true, "db is away"); /* was ready once: losing it later is no reason to leave */
    assert_int_equal(get("/readyz"), 200);
    set_state(1, WEIR_FAILED, true, "gave up");
    assert_int_equal(get("/readyz"), 503);
    set_state(1, WEIR_READY, true, "");
    pthread_mutex_lock(&board.lock);
    stages[0].cannot_accept = true;
    pthread_mutex_unlock(&board.lock);
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "orders/in lane 0: cannot accept\n");
    pthread_mutex_lock(&board.lock);
    stages[0].cannot_accept = false;
    pthread_mutex_unlock(&board.lock);
    set_phase(WEIR_PHASE_DRAINING);
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "orders: draining\n");
    pthread_mutex_lock(&board.lock);
    board.n = board.n_pipelines = 0; /* nothing has been opened yet */
    pthread_mutex_unlock(&board.lock);
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body(), "starting\n");
}

static void livez(void **state)
{
    (void)state;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t now = (uint64_t)t.tv_sec * 1000000000u;
    set_state(1, WEIR_STARTING, false, "");
    assert_int_equal(get("/livez"), 200);
    assert_string_equal(body(), "ok\n");
    board.lanes[0].busy_since_ns = now;
    assert_int_equal(get("/livez"), 200);
    if (now < 61000000000u) skip(); /* a machine that has just booted */
    board.lanes[0].busy_since_ns = now - 60000000000u;
    assert_int_equal(get("/livez"), 503);
    assert_non_null(strstr(body(), "orders lane 0: busy in one callback for "));
}

static void status_is_json(void **state)
{
    (void)state;
    set_state(1, WEIR_DEGRADED, true, "said \"no\"\\\n<b>\x01\xff");
    assert_int_equal(get("/status"), 200);
    assert_non_null(strstr(reply, "Content-Type: application/json"));
    assert_non_null(strstr(body(), "\"pipelines\":[{\"pipeline\":\"orders\",\"phase\":\"running\",\"stages\":[{"
                                   "\"stage\":\"in\",\"plugin\":\"generator\",\"lane\":0,\"state\":\"ready\","
                                   "\"reason\":\"\",\"since\":\"2023-11-14T22:13:20.123Z\"},"));
    assert_non_null(strstr(body(), "\"reason\":\"said \\\"no\\\"\\\\\\n<b>\\u0001\\ufffd\""));
}

static void front_page_is_html(void **state)
{
    (void)state;
    set_state(1, WEIR_DEGRADED, true, "<script>&\"'");
    assert_int_equal(get("/"), 200);
    assert_non_null(strstr(reply, "Content-Type: text/html"));
    assert_non_null(strstr(body(), "href=\"/metrics\""));
    assert_non_null(strstr(body(), "&lt;script&gt;&amp;&quot;&#39;"));
    assert_null(strstr(body(), "<script"));
}

static void metrics_page(void **state)
{
    (void)state;
    weir_metrics_series(metrics, "t_total", WEIR_COUNTER, "T.", NULL, NULL, 0);
    assert_int_equal(get("/metrics"), 200);
    assert_non_null(strstr(reply, "Content-Type: text/plain; version=0.0.4"));
    static const char ours[] = "# HELP t_total T.\n# TYPE t_total counter\nt_total 0\n";
    assert_memory_equal(body(), ours, strlen(ours));
    double resident, cpu;
    const char *at = strstr(reply, "\nprocess_resident_memory_bytes ");
    assert_true(at && sscanf(at, "\nprocess_resident_memory_bytes %lf", &resident) == 1 && resident > 100000);
    at = strstr(reply, "\nprocess_cpu_seconds_total ");
    assert_true(at && sscanf(at, "\nprocess_cpu_seconds_total %lf", &cpu) == 1 && cpu >= 0 && cpu < 1000);
    assert_non_null(strstr(reply, "\nprocess_start_time_seconds 1"));
}

static void methods_and_paths(void **state)
{
    (void)state;
    assert_int_equal(request("HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 200);
    assert_string_equal(body(), "");
    assert_non_null(strstr(reply, "Content-Length: 3"));
    assert_int_equal(request("POST /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
                     405);
    assert_non_null(strstr(reply, "Allow: GET, HEAD"));
    assert_int_equal(request("DELETE /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405);
    assert_int_equal(get("/nothing"), 404);
    assert_int_equal(get("/status/"), 404);
    assert_int_equal(get("/livez?verbose"), 200);
}

static void survives_rubbish(void **state)
{
    (void)state;
    static const char *const rubbish[] = {"\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00", "GET / HTTP/9.9\r\n\r\n"};
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        int fd = dial();
        (void)send(fd, rubbish[i], strlen(rubbish[i]), MSG_NOSIGNAL);
        close(fd);
    }
    static char big[100000];
    memset(big, 'a', sizeof(big) - 1);
    int fd = dial();
    (void)send(fd, big, sizeof(big) - 1, MSG_NOSIGNAL); /* more than a connection may hold */
    close(fd);
    assert_int_equal(get("/livez"), 200);
}

static void refuses_a_bad_address(void **state)
{
    (void)state;
    char taken[32];
    struct weir_err err = {0};
    assert_null(weir_admin_start("nonsense", metrics, &board, &err));
    assert_string_equal(err.option, "admin.listen");
    assert_non_null(strstr(err.msg, "nonsense"));
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", weir_admin_port(admin));
    assert_null(weir_admin_start(taken, metrics, &board, &err));
    assert_non_null(strstr(err.msg, "in use"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(readyz),           TEST(livez),
        TEST(status_is_json),   TEST(front_page_is_html),
        TEST(metrics_page),     TEST(methods_and_paths),
        TEST(survives_rubbish), TEST(refuses_a_bad_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
