/* SPDX-License-Identifier: Apache-2.0 */
#include "transports/ipc.h"

#include "engine/base/alloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define DEADLINE_MS 60000
#define NAME        "ipc-unit-test"

/* A directory of the test's own, which is the working directory. */
static char place[32];

static void arrive(void)
{
    strcpy(place, "/tmp/zu-ipc-XXXXXX");
    cr_assert(mkdtemp(place) && chdir(place) == 0);
    unsetenv("TMPDIR");
    unsetenv("TEMPDIR");
    unsetenv("TMP");
}

/* What is left must be what the test says is left: an unexpected file keeps the directory. */
static void leave(void)
{
    unlink(NAME);
    cr_expect(chdir("/") == 0 && rmdir(place) == 0, "something was left in %s", place);
}

TestSuite(ipc, .init = arrive, .fini = leave);

static struct zu_options *options(void)
{
    struct zu_options *o = zu_options_new(ZMQ_DEALER);

    cr_assert(o);
    return o;
}

static void set(struct zu_options **o, int option, int value)
{
    cr_assert_eq(zu_options_set(o, option, &value, sizeof value), 0);
}

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

static struct zu_listening listening(const char *text, const struct zu_options *o)
{
    struct zu_listening l;
    int rc = zu_ipc.listen(&l, text, o);

    cr_assert_eq(rc, 0, "%s: %s", text, strerror(-rc));
    return l;
}

static void stop(struct zu_listening *l)
{
    close(l->fd);
    zu_ipc.unlisten(l);
}

static int dial(const char *endpoint, const struct zu_options *o)
{
    struct zu_target t;
    int fd;

    cr_assert_eq(zu_ipc.check(endpoint + strlen("ipc://"), o), 0);
    cr_assert_not(zu_ipc.blocks(endpoint + strlen("ipc://"), o));
    cr_assert_eq(zu_ipc.resolve(&t, endpoint + strlen("ipc://"), o), 0);
    cr_assert_eq(t.source_size, 0);
    fd = zu_ipc.open(&t, o);
    cr_assert(fd >= 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&t.addr, t.addr_size), 0, "%s: %s", endpoint,
                 strerror(errno));
    return fd;
}

static int take(const struct zu_listening *l)
{
    struct pollfd p = {l->fd, POLLIN, 0};
    int fd;

    cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
    fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert(fd >= 0);
    return fd;
}

static bool ours(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

Test(ipc, listens_at_a_path_and_leaves_it_there)
{
    char text[128], endpoint[140];
    struct zu_options *o = options();
    struct zu_listening l;

    snprintf(text, sizeof text, "%s/" NAME, place);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", text);
    l = listening(text, o);
    cr_expect_str_eq(l.endpoint, endpoint);
    cr_expect(ours(l.fd));
    cr_expect(ours(dial(l.endpoint, o)));
    take(&l);
    stop(&l);
    cr_expect(there(text), "another may be listening there by now");
    l = listening(NAME, o);
    cr_expect_str_eq(l.endpoint, "ipc://" NAME);
    stop(&l);
    zu_options_drop(o);
}

Test(ipc, takes_a_path_from_whoever_has_it)
{
    struct zu_options *o = options();
    struct zu_listening first = listening(NAME, o), second = listening(NAME, o);

    stop(&first);
    dial(second.endpoint, o);
    take(&second);
    stop(&second);
    zu_options_drop(o);
}

Test(ipc, knows_abstract_names)
{
    struct zu_options *o = options();
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct zu_listening l, again;
    struct zu_target t;
    char text[64];

    snprintf(text, sizeof text, "@%s", place);
    l = listening(text, o);
    cr_expect_str_eq(l.endpoint + strlen("ipc://"), text);
    cr_assert_eq(zu_ipc.resolve(&t, text, o), 0);
    cr_expect_eq(t.addr_size, 2 + strlen(text));
    memcpy(un.sun_path + 1, place, strlen(place));
    cr_expect_eq(memcmp(&un, &t.addr, t.addr_size), 0);
    dial(l.endpoint, o);
    take(&l);
    cr_expect_eq(zu_ipc.listen(&again, text, o), -EADDRINUSE);
    stop(&l);
    l = listening(text, o);
    stop(&l);
    zu_options_drop(o);
}

Test(ipc, tells_texts_that_are_no_names)
{
    char text[109];
    struct zu_options *o = options();
    struct zu_listening l;

    cr_expect_eq(zu_ipc.check("@", o), -EINVAL);
    cr_expect_eq(zu_ipc.listen(&l, "@", o), -EINVAL);
    cr_expect_eq(zu_ipc.check("", o), -EINVAL);
    memset(text, 'x', sizeof text);
    text[108] = '\0';
    cr_expect_eq(zu_ipc.check(text, o), -ENAMETOOLONG);
    cr_expect_eq(zu_ipc.listen(&l, text, o), -ENAMETOOLONG);
    text[0] = '@';
    cr_expect_eq(zu_ipc.check(text, o), -ENAMETOOLONG);
    text[107] = '\0';
    cr_expect_eq(zu_ipc.check(text, o), 0);
    l = listening(text, o);
    cr_expect_str_eq(l.endpoint + strlen("ipc://"), text);
    stop(&l);
    text[0] = 'x';
    l = listening(text, o);
    cr_expect_str_eq(l.endpoint + strlen("ipc://"), text);
    dial(l.endpoint, o);
    stop(&l);
    unlink(text);
    cr_expect_eq(zu_ipc.listen(&l, "no/such/place", o), -ENOENT);
    cr_expect(l.fd == -1 || fcntl(l.fd, F_GETFD) == -1, "closed again");
    zu_options_drop(o);
}

/* The path of a wildcard's endpoint, its socket and its directory being there. */
static const char *wildcard_path(const struct zu_listening *l, const char *before)
{
    const char *path = l->endpoint + strlen("ipc://");
    size_t size = strlen(before);

    cr_assert(strncmp(path, before, size) == 0 && strncmp(path + size, "tmp", 3) == 0 &&
                  strcmp(path + size + 9, "/socket") == 0,
              "%s", path);
    cr_assert(there(path));
    return path;
}

static void expect_tidy(struct zu_listening *l)
{
    char directory[ZU_ENDPOINT_MAX];

    strcpy(directory, l->endpoint + strlen("ipc://"));
    *strrchr(directory, '/') = '\0';
    cr_expect(there(directory));
    stop(l);
    cr_expect_not(there(directory), "%s was left", directory);
}

Test(ipc, makes_up_a_name_for_a_wildcard_and_tidies_it_up)
{
    char before[80];
    struct zu_options *o = options();
    struct zu_listening l = listening("*", o);

    wildcard_path(&l, "");
    dial(l.endpoint, o);
    take(&l);
    expect_tidy(&l);

    /* The first that names a directory. */
    setenv("TMPDIR", "no/such/place", 1);
    setenv("TEMPDIR", place, 1);
    setenv("TMP", "/", 1);
    snprintf(before, sizeof before, "%s/", place);
    l = listening("*ignored", o);
    wildcard_path(&l, before);
    expect_tidy(&l);
    setenv("TMPDIR", before, 1); /* with a slash: one is enough */
    l = listening("*", o);
    wildcard_path(&l, before);
    expect_tidy(&l);
    zu_options_drop(o);
}

Test(ipc, has_no_room_for_a_wildcard_in_a_long_place)
{
    char deep[160];
    struct zu_options *o = options();
    struct zu_listening l;

    memset(deep, 'x', sizeof deep);
    deep[100] = '\0';
    cr_assert_eq(mkdir(deep, 0700), 0);
    setenv("TMPDIR", deep, 1);
    cr_expect_eq(zu_ipc.listen(&l, "*", o), -ENAMETOOLONG);
    cr_expect_eq(rmdir(deep), 0, "something was left in it");
    zu_options_drop(o);
}

static unsigned refuse_at, asked;

static bool refuse(size_t size)
{
    (void)size;
    return ++asked == refuse_at;
}

Test(ipc, leaves_nothing_behind_when_memory_runs_out)
{
    struct zu_options *o = options();
    struct zu_listening l;
    int rc = -ENOMEM;

    zu_alloc_refuse = refuse;
    for (refuse_at = 1; rc < 0; refuse_at++) {
        asked = 0;
        rc = zu_ipc.listen(&l, "*", o);
        cr_assert(rc == 0 || rc == -ENOMEM);
        if (rc < 0)
            cr_expect(!l.unlink_path && !l.rmdir_path); /* and `leave` finds the place empty */
    }
    zu_alloc_refuse = NULL;
    cr_expect(refuse_at > 2, "nothing was refused");
    expect_tidy(&l);
    zu_options_drop(o);
}

Test(ipc, names_both_ends)
{
    char local[ZU_ENDPOINT_MAX], remote[ZU_ENDPOINT_MAX], expected[128];
    struct zu_options *o = options();
    struct zu_listening l = listening(NAME, o);
    int dialed = dial(l.endpoint, o), accepted = take(&l);

    zu_ipc.name(dialed, local, remote);
    cr_expect_str_eq(local, "ipc://");
    cr_expect_str_eq(remote, "ipc://" NAME);
    zu_ipc.name(accepted, local, remote);
    cr_expect_str_eq(local, "ipc://" NAME);
    cr_expect_str_eq(remote, "ipc://");
    snprintf(expected, sizeof expected, "localhost:%u:%u:%d", geteuid(), getegid(), getpid());
    zu_ipc.peer_address(accepted, remote);
    cr_expect_str_eq(remote, expected);
    zu_ipc.peer_address(-1, remote);
    cr_expect_str_eq(remote, "");
    zu_options_drop(o);
}

/*
 * Which groups the database gives the user is the machine's affair; here the tests say. These
 * stand in front of the C library's.
 */
static gid_t database_groups[128];
static int database_count = -1; /* -1: there is no such user */

int getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t size, struct passwd **found)
{
    (void)room, (void)size;
    *entry = (struct passwd){.pw_name = (char *)"someone", .pw_uid = uid};
    *found = database_count < 0 ? NULL : entry;
    return 0;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
    int room = *count;

    (void)group;
    cr_assert_str_eq(user, "someone");
    *count = database_count;
    if (room < database_count)
        return -1;
    memcpy(groups, database_groups, (size_t)database_count * sizeof *groups);
    return database_count;
}

/* What a listener with one filter says to this process. */
static int filtered(int option, int value)
{
    struct zu_options *o = options();
    struct zu_listening l = listening(NAME, o);
    int dialed, accepted, rc;

    if (option)
        set(&o, option, value);
    dialed = dial(l.endpoint, o);
    accepted = take(&l);
    rc = zu_ipc.admit(accepted, o, true);
    cr_expect_eq(zu_ipc.admit(dialed, o, false), 0, "what we dialed is not filtered");
    close(dialed);
    close(accepted);
    stop(&l);
    zu_options_drop(o);
    return rc;
}

#define NO_ONE 123456789 /* neither user, nor group, nor process */

Test(ipc, lets_in_who_matches_a_filter)
{
    cr_expect_eq(filtered(0, 0), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_UID, (int)geteuid()), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_UID, NO_ONE), -EPERM);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_PID, getpid()), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_PID, NO_ONE), -EPERM);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, (int)getegid()), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE), -EPERM);
}

Test(ipc, lets_in_who_matches_any_of_several_filters)
{
    struct zu_options *o = options();
    struct zu_listening l = listening(NAME, o);
    int accepted;

    dial(l.endpoint, o);
    accepted = take(&l);
    set(&o, ZMQ_IPC_FILTER_UID, NO_ONE);
    set(&o, ZMQ_IPC_FILTER_GID, NO_ONE);
    set(&o, ZMQ_IPC_FILTER_PID, NO_ONE);
    cr_expect_eq(zu_ipc.admit(accepted, o, true), -EPERM);
    set(&o, ZMQ_IPC_FILTER_PID, getpid());
    cr_expect_eq(zu_ipc.admit(accepted, o, true), 0);
    zu_options_drop(o);
}

Test(ipc, counts_the_groups_that_a_process_has_besides)
{
    gid_t groups[100];

    for (size_t i = 0; i < zu_array_len(groups); i++)
        groups[i] = NO_ONE + 1 + (gid_t)i;
    if (setgroups(3, groups) < 0)
        cr_skip_test("only root can join groups");
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 3), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 4), -EPERM);
    cr_assert_eq(setgroups(zu_array_len(groups), groups), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 100), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 101), -EPERM);
}

Test(ipc, counts_the_groups_that_the_database_gives_a_user)
{
    for (size_t i = 0; i < zu_array_len(database_groups); i++)
        database_groups[i] = NO_ONE + 1 + (gid_t)i;
    database_count = 3;
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 3), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 4), -EPERM);
    database_count = (int)zu_array_len(database_groups);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 128), 0);
    cr_expect_eq(filtered(ZMQ_IPC_FILTER_GID, NO_ONE + 129), -EPERM);
}

Test(ipc, adopts_a_descriptor_that_listens_and_never_unlinks_its_path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = NAME};
    struct zu_options *o = options();
    struct zu_listening l;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), inet = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(bind(fd, (struct sockaddr *)&un, sizeof un) == 0 && listen(fd, 5) == 0);
    set(&o, ZMQ_USE_FD, fd);
    l = listening(NAME, o);
    cr_expect_eq(l.fd, fd);
    cr_expect(ours(fd));
    cr_expect_str_eq(l.endpoint, "ipc://" NAME);
    dial(l.endpoint, o);
    take(&l);
    stop(&l);
    cr_expect(there(NAME));

    cr_assert_eq(listen(inet, 5), 0);
    set(&o, ZMQ_USE_FD, inet);
    cr_expect_eq(zu_ipc.listen(&l, NAME, o), -EINVAL, "of another family");
    cr_expect(there(NAME), "nothing is unlinked for a descriptor");
    zu_options_drop(o);
}
