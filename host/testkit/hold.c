/* hold.c - posted tasks and work items, which the test may hold back and let go one by one. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdlib.h>

/* A plugin's task is posted inside one of the kit's: so the kit knows what is under way, in which order. */
struct kit_post {
    struct weir_task pub;
    struct kit_post *next;
    struct weir_task *task;
    struct weir_ctx *ctx;
    bool held;
};
struct kit_work {
    struct kit_work *next;
    struct weir_work *work;
    struct weir_ctx *ctx;
};

static struct kit_post *take(struct weir_kit *kit, const struct kit_post *p)
{
    pthread_mutex_lock(&kit->open->lock);
    struct kit_post **link = &kit->posts;
    while (*link != p) link = &(*link)->next;
    struct kit_post *taken = *link;
    *link = taken->next;
    pthread_mutex_unlock(&kit->open->lock);
    return taken;
}

static void arrived(struct weir_task *pub)
{
    struct kit_post *p = weir_container(pub, struct kit_post, pub);
    struct weir_task *task = p->task;
    free(take(kit_of(p->ctx), p));
    task->fn(task); /* it may post itself again, or be freed */
}

void kit_post(struct weir_ctx *ctx, struct weir_task *task)
{
    struct weir_kit *kit = kit_of(ctx);
    struct kit_post *p = calloc(1, sizeof *p), **link = &kit->posts;
    if (!p) abort(); /* of a test */
    pthread_mutex_lock(&kit->open->lock);
    for (; *link && (*link)->task != task; link = &(*link)->next) {
    }
    bool twice = *link;
    if (!twice) {
        *p = (struct kit_post){.pub.fn = arrived, .task = task, .ctx = ctx, .held = kit->hold & WEIR_KIT_POSTS};
        *link = p;
        if (!p->held) host_calls.post(ctx, &p->pub);
    }
    pthread_mutex_unlock(&kit->open->lock);
    if (!twice) return;
    free(p);
    kit_broke(kit, stage_of(ctx)->plugin->name, "post: the task is posted already and has not run yet");
}

void kit_free_posts(struct weir_kit *kit)
{
    for (struct kit_post *p = kit->posts, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    kit->posts = NULL;
}

static void start(struct weir_ctx *ctx, struct weir_work *work)
{
    kit_pool_starts(true);
    host_calls.work(ctx, work);
    kit_pool_starts(false);
}

void kit_work(struct weir_ctx *ctx, struct weir_work *work)
{
    struct weir_kit *kit = kit_of(ctx);
    struct kit_work **link = &kit->works;
    if (!(kit->hold & WEIR_KIT_WORK)) {
        start(ctx, work);
        return;
    }
    while (*link) link = &(*link)->next;
    if (!(*link = calloc(1, sizeof **link))) abort();
    **link = (struct kit_work){NULL, work, ctx};
    stage_of(ctx)->works++; /* held or not, its stage is not drained before it is done */
    kit->n_works_held++;
}

/* Under the lock. */
static unsigned let_posts_go(struct weir_kit *kit, unsigned n)
{
    unsigned gone = 0;
    for (struct kit_post *p = kit->posts; p && gone < n; p = p->next) {
        if (!p->held) continue;
        p->held = false;
        host_calls.post(p->ctx, &p->pub);
        gone++;
    }
    return gone;
}

static unsigned let_works_go(struct weir_kit *kit, unsigned n)
{
    unsigned gone = 0;
    for (struct kit_work *w; (w = kit->works) && gone < n; gone++) {
        kit->works = w->next;
        kit->n_works_held--;
        stage_of(w->ctx)->works--;
        start(w->ctx, w->work);
        free(w);
    }
    return gone;
}

unsigned weir_kit_let_go(struct weir_kit *kit, unsigned what, unsigned n)
{
    unsigned gone = 0;
    pthread_mutex_lock(&kit->open->lock);
    if (what & WEIR_KIT_POSTS) gone += let_posts_go(kit, n ? n : UINT32_MAX);
    pthread_mutex_unlock(&kit->open->lock);
    if (what & WEIR_KIT_WORK) gone += let_works_go(kit, n ? n : UINT32_MAX);
    weir_kit_run(kit);
    return gone;
}

void weir_kit_hold(struct weir_kit *kit, unsigned what)
{
    pthread_mutex_lock(&kit->open->lock);
    unsigned freed = kit->hold & ~what;
    kit->hold = what;
    if (freed & WEIR_KIT_POSTS) let_posts_go(kit, UINT32_MAX);
    pthread_mutex_unlock(&kit->open->lock);
    if (freed & WEIR_KIT_WORK) let_works_go(kit, UINT32_MAX);
}

unsigned weir_kit_held(struct weir_kit *kit, unsigned what)
{
    unsigned n = what & WEIR_KIT_WORK ? kit->n_works_held : 0;
    pthread_mutex_lock(&kit->open->lock);
    for (struct kit_post *p = kit->posts; p && (what & WEIR_KIT_POSTS); p = p->next) n += p->held;
    pthread_mutex_unlock(&kit->open->lock);
    return n;
}
