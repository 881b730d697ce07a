/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: options are taken out of argv first, so that the positional arguments keep their
 * classic places whatever stands between them.
 */
#include "bench/common.h"

#include "include/zuring.h" /* numbers of options */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { PEERS_MAX = 1000000 };

static _Noreturn void wrong_usage(const char *program, const char *usage)
{
    fprintf(stderr, "usage: %s %s [--json] [--hwm N] [--threads N] [--curve]\n", program, usage);
    exit(2);
}

static bool number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* True: argv[*i] is an option and was taken. */
static bool take_option(struct bench *b, int argc, char **argv, int *i, const char *usage)
{
    uint64_t n;

    if (strcmp(argv[*i], "--json") == 0) {
        b->json = true;
        return true;
    }
    if (strcmp(argv[*i], "--curve") == 0) {
        b->curve = true;
        return true;
    }
    if (strcmp(argv[*i], "--hwm") && strcmp(argv[*i], "--threads"))
        return false;
    if (*i + 1 >= argc || !number(argv[*i + 1], &n) || n > INT32_MAX)
        wrong_usage(b->program, usage);
    *(argv[*i][2] == 'h' ? &b->hwm : &b->threads) = (int)n;
    ++*i;
    return true;
}

/* Whether the place that begins at `name` and is `length` long ends in `end`. */
static bool ends_in(const char *name, size_t length, const char *end)
{
    size_t n = strlen(end);

    return length >= n && memcmp(name + length - n, end, n) == 0;
}

/* False: `text` does not suit the place. */
static bool take_place(struct bench *b, const char *name, size_t length, const char *text)
{
    uint64_t n;

    if (ends_in(name, length, "what")) {
        b->what = text;
        return true;
    }
    if (ends_in(name, length, "-to") || ends_in(name, length, "transport")) {
        b->endpoint = text;
        return true;
    }
    if (ends_in(name, length, "load")) {
        b->load = text;
        return true;
    }
    if (!number(text, &n))
        return false;
    if (ends_in(name, length, "interval-us")) {
        b->interval_us = n <= UINT32_MAX ? (unsigned)n : 0;
        return b->interval_us == n;
    }
    if (ends_in(name, length, "-size")) {
        b->size = n;
        return true;
    }
    if (ends_in(name, length, "peers")) {
        b->peers = n <= PEERS_MAX ? (int)n : 0;
        return b->peers > 0;
    }
    b->count = n;
    return n > 0;
}

void bench_args(struct bench *b, int argc, char **argv, const char *usage)
{
    const char *slash = strrchr(argv[0], '/'), *place = usage;

    memset(b, 0, sizeof *b);
    b->program = slash ? slash + 1 : argv[0];
    b->hwm = b->threads = -1;
    for (int i = 1; i < argc; i++) {
        size_t length = strcspn(place, " ");

        if (take_option(b, argc, argv, &i, usage))
            continue;
        if (!length || !take_place(b, place, length, argv[i]))
            wrong_usage(b->program, usage);
        place += length;
        place += strspn(place, " ");
    }
    if (*place)
        wrong_usage(b->program, usage);
}

uint64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

void *bench_context(const struct bench *b)
{
    void *ctx = zmq_ctx_new();

    bench_check(ctx != NULL, "zmq_ctx_new");
    if (b->threads >= 0)
        bench_check(zmq_ctx_set(ctx, ZMQ_IO_THREADS, b->threads) == 0, "ZMQ_IO_THREADS");
    return ctx;
}

void *bench_socket(const struct bench *b, void *ctx, int type)
{
    void *s = zmq_socket(ctx, type);

    bench_check(s != NULL, "zmq_socket");
    if (b->hwm >= 0) {
        bench_check(zmq_setsockopt(s, ZMQ_SNDHWM, &b->hwm, sizeof b->hwm) == 0, "ZMQ_SNDHWM");
        bench_check(zmq_setsockopt(s, ZMQ_RCVHWM, &b->hwm, sizeof b->hwm) == 0, "ZMQ_RCVHWM");
    }
    return s;
}

/* Either end has to know the server's key, and has nobody to ask for it. */
static const char known_public[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char known_secret[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

static void set_key(void *socket, int option, const char *key)
{
    bench_check(zmq_setsockopt(socket, option, key, strlen(key) + 1) == 0, "a key of CURVE");
}

/* And at a tls endpoint the one is nobody in particular, and the other takes anybody. */
static const char known_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMW5RuYkYbGAR/lM/\n"
                                "T0bbA6SS/R/ncSjr7VTjAe3K4PGhRANCAAT+pBOtaO6lxvfGf4oc8ThGK3pui818\n"
                                "mQURxURM0wN5bP3aXezevLUHd88zrtQoYTiObGfWc4iHbw4HPJ/69aMd\n"
                                "-----END PRIVATE KEY-----\n";
static const char known_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhjCCASygAwIBAgIUPebBxhfCO8Y0zLjQilo3CTFHX/IwCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEcGVlcjAgFw0yNjExMjIwOTEzMTBaGA8yMTI2MTAyOTA5MTMx\n"
    "MFowDzENMAsGA1UEAwwEcGVlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABP6k\n"
    "E61o7qXG98Z/ihzxOEYrem6LzXyZBRHFREzTA3ls/dpd7N68tQd3zzOu1ChhOI5s\n"
    "Z9ZziIdvDgc8n/r1ox2jZDBiMB0GA1UdDgQWBBSbbGVhv1wa+gt7AVL7tA70TQgh\n"
    "xjAfBgNVHSMEGDAWgBSbbGVhv1wa+gt7AVL7tA70TQghxjAPBgNVHRMBAf8EBTAD\n"
    "AQH/MA8GA1UdEQQIMAaCBHBlZXIwCgYIKoZIzj0EAwIDSAAwRQIhAKH0YHgkcVuM\n"
    "bxZRkHzIYIoIEZeWAVONqCWqLRKp9c7HAiB5dpZ5tB6Qs0JaW2y9vrECCow4hX0Y\n"
    "ePPsTMZXKO2o8w==\n"
    "-----END CERTIFICATE-----\n";

static bool is_in_tls(const struct bench *b)
{
    return b->endpoint && strncmp(b->endpoint, "tls://", 6) == 0;
}

static void set_text(void *socket, int option, const char *text)
{
    bench_check(zmq_setsockopt(socket, option, text, strlen(text)) == 0, "a certificate");
}

void bench_be_server(const struct bench *b, void *socket)
{
    int yes = 1;

    if (is_in_tls(b)) {
        set_text(socket, ZURING_TLS_KEY_PEM, known_key);
        set_text(socket, ZURING_TLS_CERT_PEM, known_certificate);
    }
    if (!b->curve)
        return;
    bench_check(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0,
                "ZMQ_CURVE_SERVER");
    set_key(socket, ZMQ_CURVE_SECRETKEY, known_secret);
}

void bench_be_client(const struct bench *b, void *socket)
{
    int yes = 1;

    if (is_in_tls(b))
        bench_check(zmq_setsockopt(socket, ZURING_TLS_INSECURE, &yes, sizeof yes) == 0,
                    "ZURING_TLS_INSECURE");
    if (!b->curve)
        return;
    set_key(socket, ZMQ_CURVE_SERVERKEY, known_public);
    set_key(socket, ZMQ_CURVE_PUBLICKEY, known_public);
    set_key(socket, ZMQ_CURVE_SECRETKEY, known_secret);
}

void bench_end(void *ctx, void *socket)
{
    bench_check(zmq_close(socket) == 0, "zmq_close");
    bench_check(zmq_ctx_term(ctx) == 0, "zmq_ctx_term");
}

void bench_json_open(const char *program)
{
    int version[3];
    Dl_info info;

    zmq_version(&version[0], &version[1], &version[2]);
    printf("{\"program\": \"%s\", \"version\": \"%d.%d.%d\"", program, version[0], version[1],
           version[2]);
    if (dladdr(dlsym(RTLD_DEFAULT, "zmq_version"), &info) && info.dli_fname)
        printf(", \"library\": \"%s\"", info.dli_fname);
}

double bench_cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void bench_report_throughput(const struct bench *b, uint64_t ns)
{
    double seconds = (double)(ns ? ns : 1) / 1e9;
    double rate = (double)b->count / seconds;
    double megabits = rate * (double)b->size * 8 / 1e6;

    if (b->json) {
        bench_json_open(b->program);
        printf(", \"size\": %zu, \"count\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.3f, "
               "\"messages_per_second\": %.1f, \"megabits_per_second\": %.3f}\n",
               b->size, (unsigned long long)b->count, seconds, bench_cpu_seconds(), rate, megabits);
        return;
    }
    printf("message size: %zu [B]\n", b->size);
    printf("message count: %llu\n", (unsigned long long)b->count);
    printf("mean throughput: %.0f [msg/s]\n", rate);
    printf("mean throughput: %.3f [Mb/s]\n", megabits);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void bench_report_latency(const struct bench *b, uint64_t *ns, uint64_t total_ns,
                          double cpu_seconds)
{
    double mean = (double)total_ns / (double)b->count / 2e3, at[3];
    static const double wanted[3] = {0.5, 0.99, 0.999};

    qsort(ns, b->count, sizeof *ns, by_value);
    for (int i = 0; i < 3; i++)
        at[i] = (double)ns[(uint64_t)((double)(b->count - 1) * wanted[i])] / 2e3;
    if (b->json) {
        bench_json_open(b->program);
        printf(", \"size\": %zu, \"count\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, "
               "\"mean_us\": %.3f, \"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f}\n",
               b->size, (unsigned long long)b->count, (double)total_ns / 1e9, cpu_seconds, mean,
               at[0], at[1], at[2]);
        return;
    }
    printf("message size: %zu [B]\n", b->size);
    printf("roundtrip count: %llu\n", (unsigned long long)b->count);
    printf("average latency: %.3f [us]\n", mean);
    printf("median latency: %.3f [us]\n", at[0]);
    printf("99th percentile: %.3f [us]\n", at[1]);
}
