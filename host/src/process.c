/* process.c - process_* metrics, by the names of Prometheus' own clients. Source: proc(5). */
#include "process.h"
#include <dirent.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct stat_fields { /* the ones we use of /proc/self/stat, by their numbers in proc(5) */
    unsigned long long user_ticks, system_ticks, threads, start_ticks, resident_pages;
};

static int read_stat(struct stat_fields *f)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[n] = 0;
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    return rest && sscanf(
                       rest + 1,
                       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %llu %*d %llu %*u %llu",
                       &f->user_ticks, &f->system_ticks, &f->threads, &f->start_ticks, &f->resident_pages) == 5
               ? 0
               : -1;
}

static long open_descriptors(void)
{
    long n = -3; /* ".", ".." and the one we read by */
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return -1;
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

static double boot_time(void)
{
    struct timespec wall, up;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(wall.tv_sec - up.tv_sec) + (double)(wall.tv_nsec - up.tv_nsec) / 1e9;
}

static void put(FILE *out, const char *name, const char *type, const char *help, double value)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

void weir_process_write(FILE *out)
{
    struct stat_fields f;
    struct rlimit limit;
    double hz = (double)sysconf(_SC_CLK_TCK);
    if (!read_stat(&f)) {
        put(out, "process_cpu_seconds_total", "counter", "User and system CPU time.",
            (double)(f.user_ticks + f.system_ticks) / hz);
        put(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
            (double)f.resident_pages * (double)sysconf(_SC_PAGESIZE));
        put(out, "process_threads", "gauge", "Threads.", (double)f.threads);
        put(out, "process_start_time_seconds", "gauge", "Start time, seconds since 1970.",
            boot_time() + (double)f.start_ticks / hz);
    }
    long fds = open_descriptors();
    if (fds >= 0) put(out, "process_open_fds", "gauge", "Open file descriptors.", (double)fds);
    if (!getrlimit(RLIMIT_NOFILE, &limit))
        put(out, "process_max_fds", "gauge", "Most file descriptors it may open.", (double)limit.rlim_cur);
}
