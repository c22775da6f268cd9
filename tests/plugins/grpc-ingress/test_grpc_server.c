/* test_grpc_server.c - the server itself: an address in use, PEM files that are none, TLS with a client that must show
 * a certificate. Keys are made on the spot by the openssl tool. */
#include "cmocka_for_grpc.h"
#include "grpc_caller.h"
#include "ingress.h"
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static void an_address_in_use_is_an_error(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n) || listen(fd, 1) || getsockname(fd, (struct sockaddr *)&a, &n),
                     0);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
    struct cfg cfg = {.listen = text(address), .max_message = 4096, .max_calls = 10};
    struct server *server;
    struct weir_err err = {.status = WEIR_OK};
    assert_int_equal(server_open(&cfg, 2, &server, &err), -1);
    assert_string_equal(err.option, "listen");
    assert_non_null(strstr(err.msg, "Address already in use"));
    close(fd);
}

static void two_servers_never_share_a_port(void **state)
{
    (void)state;
    struct cfg cfg = {.listen = text("127.0.0.1:0"), .max_message = 4096, .max_calls = 10};
    struct server *first, *second;
    struct weir_err err = {.status = WEIR_OK};
    assert_int_equal(server_open(&cfg, 2, &first, &err), 0);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", first->port);
    cfg.listen = text(address);
    assert_int_equal(server_open(&cfg, 2, &second, &err), -1);
    assert_non_null(strstr(err.msg, "Address already in use"));
    server_start(first);
    server_close(first);
}

/* ---- TLS */
struct pki {
    char dir[64];
    bool made;
};

static void path_of(const struct pki *p, const char *file, char out[96])
{
    snprintf(out, 96, "%s/%s", p->dir, file);
}

static void make(struct pki *p)
{
    char command[1024];
    snprintf(p->dir, sizeof p->dir, "/tmp/weir-grpc-tls-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(
        command, sizeof command,
        "cd %s && { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout k.pem "
        "-out c.pem -subj /CN=wallet.test -addext subjectAltName=DNS:wallet.test && "
        "printf -- '-----BEGIN CERTIFICATE-----\\nnot base64!\\n-----END CERTIFICATE-----\\n' > bad.pem; } "
        ">/dev/null 2>&1",
        p->dir);
    int rc = system(command);
    p->made = WIFEXITED(rc) && WEXITSTATUS(rc) == 0;
}

static void drop(struct pki *p)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", p->dir);
    assert_int_equal(system(command), 0);
}

static void files_that_are_not_pem_are_named(void **state)
{
    (void)state;
    struct pki pki;
    char cert[96], key[96], bad[96];
    make(&pki);
    if (!pki.made) {
        drop(&pki);
        skip();
    }
    path_of(&pki, "c.pem", cert);
    path_of(&pki, "k.pem", key);
    path_of(&pki, "bad.pem", bad);
    const struct {
        struct weir_grpc_tls tls;
        const char *option, *text;
    } wrong[] = {
        {{text(cert), text("/no/such/file"), {NULL, 0}}, "tls.key", "No such file"},
        {{text(cert), {NULL, 0}, {NULL, 0}}, "tls.key", "cert alone"},
        {{text(key), text(key), {NULL, 0}}, "tls.cert", "is not PEM"},
        {{text(cert), text(cert), {NULL, 0}}, "tls.key", "is not PEM"},
        {{text(cert), text(key), text(bad)}, "tls.ca", "is not PEM"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct weir_grpc_pems pems;
        struct weir_err err = {.status = WEIR_OK};
        assert_int_equal(weir_grpc_pems_read(&wrong[i].tls, "tls", &pems, &err), -1);
        assert_string_equal(err.option, wrong[i].option);
        if (!strstr(err.msg, wrong[i].text)) fail_msg("expected \"%s\" in \"%s\"", wrong[i].text, err.msg);
    }
    drop(&pki);
}

static void one_call(struct weir_kit *kit, const char *target, grpc_channel_credentials *tls, grpc_status_code expected)
{
    struct caller caller;
    struct rpc rpc;
    caller_open(&caller, kit, target, tls, "wallet.test");
    rpc_unary(&rpc, &caller, "/no/such", "", 0, WAIT_MS, NULL);
    assert_true(caller_wait(&caller, &rpc.all.done));
    assert_int_equal(rpc.code, expected);
    rpc_free(&rpc);
    caller_close(&caller);
}

static void tls_asks_for_the_clients_certificate(void **state)
{
    (void)state;
    struct pki pki;
    char conf[1024], path[64], target[80], cert[96], key[96];
    make(&pki);
    if (!pki.made) {
        drop(&pki);
        skip();
    }
    path_of(&pki, "c.pem", cert);
    path_of(&pki, "k.pem", key);
    snprintf(path, sizeof path, "/tmp/weir-grpc-t%d.sock", (int)getpid());
    snprintf(target, sizeof target, "unix:%s", path);
    snprintf(conf, sizeof conf,
             "listen = \"%s\"\nmethods = { a = { on = \"/a.B/C\", event = \"wallet.v1.OpenRequest\", answer = "
             "\"wallet.v1.AccountReply\" } }\ntls = { cert = \"%s\", key = \"%s\", ca = \"%s\" }",
             target, cert, key, cert);
    struct weir_kit *kit = weir_kit_open_with("grpc-ingress", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_LIBRARY_KEEPS);
    const struct weir_grpc_tls tls = {text(cert), text(key), text(cert)};
    struct weir_grpc_pems pems;
    struct weir_err err;
    assert_int_equal(weir_grpc_pems_read(&tls, "tls", &pems, &err), 0);
    grpc_ssl_pem_key_cert_pair pair = {.private_key = pems.key, .cert_chain = pems.cert};
    grpc_channel_credentials *with = grpc_ssl_credentials_create_ex(pems.ca, &pair, NULL, NULL);
    grpc_channel_credentials *without = grpc_ssl_credentials_create_ex(pems.ca, NULL, NULL, NULL);
    one_call(kit, target, with, GRPC_STATUS_UNIMPLEMENTED); /* it got through */
    one_call(kit, target, without, GRPC_STATUS_UNAVAILABLE);
    one_call(kit, target, NULL, GRPC_STATUS_UNAVAILABLE); /* plain text */
    grpc_channel_credentials_release(with);
    grpc_channel_credentials_release(without);
    weir_grpc_pems_free(&pems);
    weir_kit_close(kit);
    unlink(path);
    drop(&pki);
}

static int begin(void **state)
{
    (void)state;
    struct weir_err err;
    return weir_grpc_init(&err);
}

static int finish(void **state)
{
    (void)state;
    weir_grpc_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_in_use_is_an_error),
        cmocka_unit_test(two_servers_never_share_a_port),
        cmocka_unit_test(files_that_are_not_pem_are_named),
        cmocka_unit_test(tls_asks_for_the_clients_certificate),
    };
    return cmocka_run_group_tests_name("grpc-ingress: server", tests, begin, finish);
}
