/* tls_front.h - TLS before a plain server of a test: ends it, passes the bytes on. And certificates for both sides. */
#ifndef WEIR_TEST_TLS_FRONT_H
#define WEIR_TEST_TLS_FRONT_H
#include <stdbool.h>

/* A folder with ca.pem, server.pem and server.key (for 127.0.0.1 and wallet.test), client.pem, client.key and
 * locked.key (the same, encrypted with "sesame"), all of one authority; and other.pem, an authority that signed none of
 * them. */
struct tls_files {
    char folder[64];
};
/* By the openssl command; fails the running test when there is none. */
void tls_files_make(struct tls_files *);
void tls_files_remove(struct tls_files *);

struct tls_front;
struct tls_front_setup {
    const struct tls_files *files;
    unsigned backend; /* port on 127.0.0.1 */
    bool ask_client;  /* for a certificate of the authority; without one there is no connection */
    /* In frames of the Kafka protocol that come from the backend, its address becomes ours: a broker tells clients
     * where to go. */
    bool kafka;
};
struct tls_front *tls_front_start(const struct tls_front_setup *);
unsigned tls_front_port(const struct tls_front *);
unsigned tls_front_handshakes(const struct tls_front *); /* that succeeded */
unsigned tls_front_refused(const struct tls_front *);    /* and that did not */
void tls_front_stop(struct tls_front *);                 /* cuts what is open */
#endif
