/* crash.c - the last words of a process that a fatal signal ends. Only async-signal-safe calls: see signal-safety(7);
 * backtrace() is safe once it has been called, for it then has loaded its library. */
#include "crash.h"
#include "lane.h"
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK = 128 * 1024, FRAMES = 64 };

_Thread_local struct weir_blame weir_blame;
static volatile sig_atomic_t as_json;

struct words {
    char text[640];
    size_t n;
};

static void say(struct words *w, const char *text)
{
    for (; *text && w->n < sizeof w->text; text++) {
        char c = *text;
        w->text[w->n++] = c < ' ' || c == '"' || c == '\\' ? '?' : c; /* of a name: nothing that ends the value */
    }
}

static void say_raw(struct words *w, const char *text)
{
    size_t n = strlen(text), room = sizeof w->text - w->n;
    if (n > room) n = room;
    memcpy(w->text + w->n, text, n);
    w->n += n;
}

static void say_number(struct words *w, uintptr_t v, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    say(w, digits + at);
}

static void say_member(struct words *w, const char *name, const char *value)
{
    say_raw(w, as_json ? ",\"" : " ");
    say_raw(w, name);
    say_raw(w, as_json ? "\":\"" : "=");
    say(w, value);
    if (as_json) say_raw(w, "\"");
}

static const char *name_of(int signo)
{
    switch (signo) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    default: return "SIGABRT";
    }
}

static void say_who(struct words *w, const struct weir_plugin *plugin)
{
    if (plugin) {
        say(w, " in plugin ");
        say(w, plugin->name);
        say(w, " ");
        say(w, plugin->version);
        say(w, ", callback ");
        say(w, weir_blame.callback);
    } else if (weir_blame.callback) {
        say(w, " in ");
        say(w, weir_blame.callback);
    } else {
        say(w, " outside of any callback, or in a library's own thread");
    }
    say(w, "; where, says the backtrace");
}

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void last_words(int signo, siginfo_t *info, void *context)
{
    struct words w = {.n = 0};
    void *frames[FRAMES];
    const struct stage *s = weir_blame.callback ? weir_blame.stage : NULL;
    const struct weir_plugin *plugin = s ? s->plugin : weir_blame.callback ? weir_blame.plugin : NULL;
    (void)context;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL); /* a fault in here ends it */
    say_raw(&w, as_json ? "{\"level\":\"fatal\"" : "level=fatal");
    if (s) {
        say_member(&w, "pipeline", s->ctx.pipeline);
        say_member(&w, "stage", s->ctx.stage);
        say_raw(&w, as_json ? ",\"lane\":" : " lane=");
        say_number(&w, s->ctx.lane, 10);
    }
    say_raw(&w, as_json ? ",\"msg\":\"" : " msg=\"");
    say(&w, name_of(signo));
    if (signo != SIGABRT) {
        say(&w, " at 0x");
        say_number(&w, (uintptr_t)info->si_addr, 16);
    }
    say_who(&w, plugin);
    say_raw(&w, as_json ? "\"}\n" : "\"\n");
    if (write(STDERR_FILENO, w.text, w.n) > 0) backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
    raise(signo); /* once this returns: a core, and the exit status of the signal */
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZER = 1 };
#else
enum { SANITIZER = 0 };
#endif

void weir_crash_report(void)
{
    struct sigaction sa = {.sa_sigaction = last_words, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    void *frame;
    if (SANITIZER) return;
    (void)backtrace(&frame, 1); /* loads what it needs, now that it may */
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &sa, NULL);
}

void weir_crash_json(bool json)
{
    as_json = json;
}

bool weir_crash_stack(void)
{
    stack_t stack = {.ss_size = STACK};
    if (SANITIZER || !(stack.ss_sp = malloc(STACK))) return false;
    if (sigaltstack(&stack, NULL) == 0) return true;
    free(stack.ss_sp);
    return false;
}

void weir_crash_stack_free(void)
{
    stack_t off = {.ss_flags = SS_DISABLE}, was;
    if (!SANITIZER && sigaltstack(&off, &was) == 0 && !(was.ss_flags & SS_DISABLE)) free(was.ss_sp);
}
