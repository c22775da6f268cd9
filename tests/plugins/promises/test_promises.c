/* test_promises.c - options that no event ever meets: `weir check` joins a wallet, its callers and its relay by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char conf[] = "pipelines = {\n"
                           "  wallet = { stages = {\n"
                           "    grpc-ingress = { listen = \"127.0.0.1:0\" %s\n"
                           "      methods = { debit = { on = \"/w.W/Debit\", event = \"wallet.v1.DebitRequest\","
                           " answer = \"wallet.v1.DebitReply\" } } }\n"
                           "    wallet-ledger = { database = \"host=127.0.0.1\" %s } } }\n"
                           "  ingress = { stages = {\n"
                           "    http-ingress = { listen = \"127.0.0.1:0\""
                           " routes = { bet = { on = \"POST /bets\", event = \"bets.v1.PlaceBet\" } } }\n"
                           "    wallet-client = { target = \"wallet.test:50051\" }\n"
                           "    kafka-producer = { brokers = \"127.0.0.1:1\", topic = \"t\" } } }\n"
                           "  relay = { stages = {\n"
                           "    ledger-relay = { database = \"host=127.0.0.1\" %s }\n"
                           "    kafka-producer = { brokers = \"127.0.0.1:1\", topic = \"t\" } } }\n"
                           "}\n";

/* What `weir check` says with those options of grpc-ingress, wallet-ledger and ledger-relay. */
static void check(const char *ingress, const char *ledger, const char *relay, char said[4096])
{
    char path[] = "/tmp/weir-promises-XXXXXX", command[512];
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    assert_non_null(f);
    fprintf(f, conf, ingress, ledger, relay);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, "'%s' check %s 2>&1", WEIR_BINARY, path);
    f = popen(command, "r");
    assert_non_null(f);
    said[fread(said, 1, 4095, f)] = '\0';
    int status = pclose(f);
    unlink(path);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) fail_msg("%s", said);
}

static void says(const char *said, const char *line)
{
    if (!strstr(said, line)) fail_msg("no \"%s\" in:\n%s", line, said);
}

static void says_not(const char *said, const char *line)
{
    if (strstr(said, line)) fail_msg("\"%s\" in:\n%s", line, said);
}

#define KNOWN "known_as = \"wallet.test:50051\""
#define NORTH "ledger = \"north\""
#define PUBLISHES "publishes = \"kafka:t\""

static void all_of_them_join(void **state)
{
    (void)state;
    char said[4096];
    check(KNOWN, NORTH, NORTH " " PUBLISHES, said);
    says(said, "serves: call:wallet.test:50051 (called by `ingress`)");
    says(said, "calls: call:wallet.test:50051 (served by `wallet`)");
    says(said, "writes: ledger:north (read by `relay`)");
    says(said, "reads: ledger:north (written by `wallet`)");
    says(said, "loss window: none, `relay` repairs kafka:t");
}

static void a_server_is_known_by_its_address_unless_named(void **state)
{
    (void)state;
    char said[4096];
    check("", NORTH, NORTH " " PUBLISHES, said);
    says(said, "serves: call:127.0.0.1:0");
    says_not(said, "(served by `wallet`)");
}

static void a_relay_of_another_ledger_repairs_nothing(void **state)
{
    (void)state;
    char said[4096];
    check(KNOWN, NORTH, "ledger = \"south\" " PUBLISHES, said);
    says(said, "reads: ledger:south");
    says_not(said, "`relay` repairs");
    says(said, "loss window: kafka:t");
    check(KNOWN, "", PUBLISHES, said); /* both are "main" */
    says(said, "writes: ledger:main (read by `relay`)");
    says(said, "`relay` repairs kafka:t");
}

static void a_relay_repairs_only_what_it_says(void **state)
{
    (void)state;
    char said[4096];
    check(KNOWN, NORTH, NORTH, said);
    says_not(said, "`relay` repairs");
    says(said, "loss window: kafka:t");
    check(KNOWN, NORTH, NORTH " publishes = \"kafka:other\"", said);
    says_not(said, "`relay` repairs kafka:t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_them_join),
        cmocka_unit_test(a_server_is_known_by_its_address_unless_named),
        cmocka_unit_test(a_relay_of_another_ledger_repairs_nothing),
        cmocka_unit_test(a_relay_repairs_only_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
