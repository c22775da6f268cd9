/* tls_front.c - a thread that accepts, and one a connection that pumps both ways. */
#include "tls_front.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS_MAX = 64, FRAME_MAX = 1 << 22, PUMP = 16384 };

struct pump {
    struct tls_front *front;
    pthread_t thread;
    int client, backend;
    SSL *ssl;
    uint8_t *frame; /* of the backend, as far as it came */
    size_t n;
};
struct tls_front {
    struct tls_front_setup setup;
    SSL_CTX *ctx;
    int fd;
    unsigned port;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint handshakes, refused;
    struct pump pumps[CONNS_MAX];
    unsigned n_pumps; /* of the accepting thread; read once that has ended */
};

/* ---- certificates */
void tls_files_make(struct tls_files *f)
{
    static const char script[] =
        "cd %s && { "
        "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; "
        "openssl req -x509 $ec -days 2 -subj /CN=authority -keyout ca.key -out ca.pem && "
        "openssl req -x509 $ec -days 2 -subj /CN=stranger -keyout other.key -out other.pem && "
        "for who in server client; do "
        "openssl req $ec -subj /CN=$who -addext subjectAltName=IP:127.0.0.1,DNS:wallet.test -keyout $who.key -out "
        "$who.csr && "
        "openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy "
        "-out $who.pem || exit 1; done; "
        "openssl pkcs8 -topk8 -in client.key -passout pass:sesame -out locked.key; } >log 2>&1";
    char command[sizeof script + sizeof f->folder];
    strcpy(f->folder, "/tmp/weir-tls-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(command, sizeof command, script, f->folder);
    if (system(command) != 0) fail_msg("openssl makes no certificates: see %s/log", f->folder);
}

void tls_files_remove(struct tls_files *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

/* ---- pumping */
static bool backend_send(struct pump *p, const uint8_t *at, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(p->backend, at, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool client_send(struct pump *p, const uint8_t *at, size_t n)
{
    return n == 0 || SSL_write(p->ssl, at, (int)n) == (int)n;
}

static void put_port(uint8_t *at, unsigned port)
{
    const uint8_t be[4] = {0, 0, (uint8_t)(port >> 8), (uint8_t)port};
    memcpy(at, be, 4);
}

/* "127.0.0.1" and the backend's port in four bytes, wherever they stand behind each other. */
static void rewrite(const struct pump *p, uint8_t *at, size_t n)
{
    uint8_t theirs[13] = "127.0.0.1";
    put_port(theirs + 9, p->front->setup.backend);
    for (uint8_t *hit; (hit = memmem(at, n, theirs, sizeof theirs));) put_port(hit + 9, p->front->port);
}

/* Whole frames go on, rewritten; what is left of the next one waits. */
static bool pass_frames(struct pump *p)
{
    size_t at = 0;
    while (p->n - at >= 4) {
        const uint8_t *h = p->frame + at;
        size_t n = 4 + ((size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
        if (n > FRAME_MAX) return false;
        if (p->n - at < n) break;
        rewrite(p, p->frame + at, n);
        if (!client_send(p, p->frame + at, n)) return false;
        at += n;
    }
    memmove(p->frame, p->frame + at, p->n - at);
    p->n -= at;
    return true;
}

static bool from_backend(struct pump *p)
{
    ssize_t got = recv(p->backend, p->frame + p->n, FRAME_MAX - p->n, 0);
    if (got <= 0) return false;
    p->n += (size_t)got;
    if (p->front->setup.kafka) return pass_frames(p);
    size_t n = p->n;
    p->n = 0;
    return client_send(p, p->frame, n);
}

static bool from_client(struct pump *p)
{
    uint8_t bytes[PUMP];
    do {
        int got = SSL_read(p->ssl, bytes, sizeof bytes);
        if (got <= 0 || !backend_send(p, bytes, (size_t)got)) return false;
    } while (SSL_pending(p->ssl) > 0);
    return true;
}

static bool connect_backend(struct pump *p)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)p->front->setup.backend),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->backend = socket(AF_INET, SOCK_STREAM, 0);
    return p->backend >= 0 && connect(p->backend, (const struct sockaddr *)&to, sizeof to) == 0;
}

static void *pump_main(void *arg)
{
    struct pump *p = arg;
    bool going = SSL_accept(p->ssl) == 1;
    atomic_fetch_add(going ? &p->front->handshakes : &p->front->refused, 1);
    going = going && connect_backend(p);
    while (going && !atomic_load(&p->front->stop)) {
        struct pollfd fds[2] = {{p->client, POLLIN, 0}, {p->backend, POLLIN, 0}};
        if (poll(fds, 2, -1) < 0) break;
        if (fds[0].revents) going = from_client(p);
        if (going && fds[1].revents) going = from_backend(p);
    }
    if (going) SSL_shutdown(p->ssl);
    shutdown(p->client, SHUT_RDWR); /* closed when the front stops: its number must stay ours until then */
    if (p->backend >= 0) shutdown(p->backend, SHUT_RDWR);
    return NULL;
}

static bool start_pump(struct tls_front *f, int fd)
{
    struct pump *p = &f->pumps[f->n_pumps];
    *p = (struct pump){.front = f, .client = fd, .backend = -1, .ssl = SSL_new(f->ctx), .frame = malloc(FRAME_MAX)};
    if (p->ssl && p->frame && SSL_set_fd(p->ssl, fd) == 1 && pthread_create(&p->thread, NULL, pump_main, p) == 0) {
        f->n_pumps++;
        return true;
    }
    SSL_free(p->ssl);
    free(p->frame);
    return false;
}

static void *accept_main(void *arg)
{
    struct tls_front *f = arg;
    for (int fd; (fd = accept(f->fd, NULL, NULL)) >= 0;) {
        bool stop = atomic_load(&f->stop);
        if (stop || f->n_pumps == CONNS_MAX || !start_pump(f, fd)) close(fd);
        if (stop) break;
    }
    return NULL;
}

/* ---- life */
static SSL_CTX *make_ctx(const struct tls_front_setup *s)
{
    char path[3][128];
    static const char *const names[] = {"server.pem", "server.key", "ca.pem"};
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/%s", s->files->folder, names[i]);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, path[0], SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, path[1], SSL_FILETYPE_PEM), 1);
    if (!s->ask_client) return ctx;
    assert_int_equal(SSL_CTX_load_verify_file(ctx, path[2]), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ctx;
}

struct tls_front *tls_front_start(const struct tls_front_setup *setup)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct tls_front *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->setup = *setup;
    f->ctx = make_ctx(setup);
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(f->fd, CONNS_MAX), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&at, &n), 0);
    f->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, accept_main, f), 0);
    return f;
}

unsigned tls_front_port(const struct tls_front *f)
{
    return f->port;
}

unsigned tls_front_handshakes(const struct tls_front *f)
{
    return atomic_load(&f->handshakes);
}

unsigned tls_front_refused(const struct tls_front *f)
{
    return atomic_load(&f->refused);
}

void tls_front_stop(struct tls_front *f)
{
    atomic_store(&f->stop, true);
    shutdown(f->fd, SHUT_RDWR); /* wakes accept() */
    pthread_join(f->thread, NULL);
    for (unsigned i = 0; i < f->n_pumps; i++) {
        struct pump *p = &f->pumps[i];
        shutdown(p->client, SHUT_RDWR); /* wakes poll() and SSL_accept() */
        pthread_join(p->thread, NULL);
        SSL_free(p->ssl);
        close(p->client);
        if (p->backend >= 0) close(p->backend);
        free(p->frame);
    }
    close(f->fd);
    SSL_CTX_free(f->ctx);
    free(f);
}
