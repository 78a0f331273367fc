/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Counters that never go back. Of each name an account has two figures: `offset`, what the kernel
 * does not count any more, and `seen`, what it counted when it was last read. While a counter
 * grows, offset and count are the total. One that shows less than was seen has begun anew: then
 * what was seen is added to the offset. One that is told to be gone is added as it was, and what
 * was seen of all under that name is less by no more than that.
 *
 * The file is flat, to be read and written at once, by one process on one machine: a header with
 * the digest of all after it, an account for each name, and the names.
 */

#include "daemon/record/totals.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/compare.h"
#include "base/file.h"
#include "base/name_index.h"
#include "base/sha256.h"

#define NAME "counters"
#define MAGIC "segdcnt1"
/* Bytes of all names. */
#define NAMES_MAX (TOTALS_MAX * 256)

enum { COUNTS = sizeof(struct both_counts) / sizeof(uint64_t) };

struct account {
    uint64_t offset[COUNTS], seen[COUNTS];
    usec_t since, first, last;
    union {
        const char *text; /* in the arena */
        uint64_t place;   /* in the file: among its names */
    } name;
};

struct totals {
    struct account *accounts;
    size_t n_accounts;
    size_t capacity;
    struct name_index index; /* place of each account */
    struct arena *arena;
    usec_t since;
    uint64_t *n_changes; /* shared with children */
    uint64_t n_known;    /* of the changes, by this process */
    bool urgent;
};

struct header {
    char magic[8];
    char digest[72]; /* as sha256_text(), of all after it; the rest are zeros */
    usec_t since;
    uint64_t n_accounts, names_size;
};

static void forget(struct totals *totals)
{
    free(totals->accounts);
    name_index_clear(&totals->index);
    arena_free(totals->arena);
    totals->accounts = NULL;
    totals->arena = NULL;
    totals->n_accounts = totals->capacity = 0;
}

struct totals *totals_free(struct totals *totals)
{
    if (!totals)
        return NULL;
    forget(totals);
    if (totals->n_changes)
        munmap(totals->n_changes, sizeof(*totals->n_changes));
    free(totals);
    return NULL;
}

int totals_new(struct totals **ret_totals)
{
    cleanup_(totals_freep) struct totals *totals = calloc(1, sizeof(*totals));
    void *shared = mmap(NULL, sizeof(*totals->n_changes), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int r;

    if (shared == MAP_FAILED)
        return -ENOMEM;
    if (!totals) {
        munmap(shared, sizeof(*totals->n_changes));
        return -ENOMEM;
    }
    totals->n_changes = shared;
    totals->since = calendar_now();
    r = arena_new(&totals->arena);
    if (r < 0)
        return r;
    *ret_totals = TAKE_PTR(totals);
    return 0;
}

static struct account *find(const struct totals *totals, const char *name)
{
    uint32_t place;

    return name_index_find(&totals->index, name, &place) ? &totals->accounts[place] : NULL;
}

static int compare_last(const void *a, const void *b)
{
    const struct account *x = a, *y = b;

    return COMPARE(y->last, x->last);
}

/* Replaces the accounts by these, which are the caller's if it fails; their names are copied from
 * `names`, or from where they are if that is NULL. */
static int replace(struct totals *totals, struct account *accounts, size_t n, const char *names)
{
    struct totals other = {.accounts = accounts, .n_accounts = n, .capacity = n};
    int r = arena_new(&other.arena);

    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *name = names ? names + accounts[i].name.place : accounts[i].name.text;

        accounts[i].name.text = arena_string(other.arena, name);
        r = accounts[i].name.text ? name_index_add(&other.index, accounts[i].name.text, (uint32_t)i)
                                  : -ENOMEM;
    }
    if (r < 0) {
        name_index_clear(&other.index);
        arena_free(other.arena);
        return r;
    }
    forget(totals);
    totals->accounts = accounts;
    totals->n_accounts = totals->capacity = n;
    totals->index = other.index;
    totals->arena = other.arena;
    return 0;
}

/* Forgets a quarter of them: those that counted longest ago. */
static int make_room(struct totals *totals)
{
    const size_t n = totals->n_accounts;
    cleanup_(freep) struct account *accounts = malloc(n * sizeof(*accounts));
    int r;

    if (!accounts)
        return -ENOMEM;
    assert(totals->accounts); /* there are too many */
    memcpy(accounts, totals->accounts, n * sizeof(*accounts));
    qsort(accounts, n, sizeof(*accounts), compare_last);
    r = replace(totals, accounts, n - n / 4, NULL);
    if (r < 0)
        return r;
    TAKE_PTR(accounts);
    totals->since = calendar_now();
    return 0;
}

static struct account *add(struct totals *totals, const char *name)
{
    struct account account = {.since = totals->since};

    if (totals->n_accounts >= TOTALS_MAX && make_room(totals) < 0)
        return NULL;
    account.name.text = arena_string(totals->arena, name);
    if (!account.name.text ||
        array_reserve(&totals->accounts, &totals->capacity, totals->n_accounts + 1,
                      sizeof(account)) < 0 ||
        name_index_add(&totals->index, account.name.text, (uint32_t)totals->n_accounts) < 0)
        return NULL;
    totals->accounts[totals->n_accounts] = account;
    return &totals->accounts[totals->n_accounts++];
}

/* The figures of `counts` as a list. */
static void list(const struct both_counts *counts, uint64_t values[COUNTS])
{
    memcpy(values, counts, sizeof(*counts));
}

static bool is_zero(const uint64_t values[COUNTS])
{
    static const uint64_t zeros[COUNTS];

    return memcmp(values, zeros, sizeof(zeros)) == 0;
}

/* The account of the name, new if it has none and there is something to count, and the figures as a
 * list; NULL: there is none. */
static struct account *account_for(struct totals *totals, const char *name,
                                   const struct both_counts *counts, uint64_t values[COUNTS])
{
    struct account *account = find(totals, name);

    list(counts, values);
    return account || is_zero(values) ? account : add(totals, name);
}

/* Takes in what the kernel counts now. */
static void read_now(struct account *account, const uint64_t now[COUNTS])
{
    bool began_anew = false;

    for (size_t i = 0; i < COUNTS; i++)
        began_anew = began_anew || now[i] < account->seen[i];
    for (size_t i = 0; i < COUNTS; i++) {
        if (began_anew)
            account->offset[i] += account->seen[i];
        account->seen[i] = now[i];
    }
}

/* Notes the instant if the total of the account has grown from what it was. */
static void note_hit(struct account *account, const struct account *before)
{
    for (size_t i = 0; i < COUNTS; i++) {
        if (account->offset[i] + account->seen[i] == before->offset[i] + before->seen[i])
            continue;
        account->last = calendar_now();
        if (account->first == 0)
            account->first = account->last;
        return;
    }
}

void totals_note_read(struct totals *totals, const char *name, const struct both_counts *now)
{
    uint64_t values[COUNTS];
    struct account *account = account_for(totals, name, now, values), before;

    if (!account)
        return;
    before = *account;
    read_now(account, values);
    note_hit(account, &before);
}

void totals_note_gone(struct totals *totals, const char *name, const struct both_counts *count)
{
    uint64_t values[COUNTS];
    struct account *account = account_for(totals, name, count, values), before;

    if (!account || is_zero(values))
        return;
    before = *account;
    for (size_t i = 0; i < COUNTS; i++) {
        account->offset[i] += values[i];
        account->seen[i] -= account->seen[i] < values[i] ? account->seen[i] : values[i];
    }
    note_hit(account, &before);
    totals->urgent = true;
}

void totals_note_moved(struct totals *totals, const char *name, const struct both_counts *now)
{
    uint64_t values[COUNTS];
    struct account *account = account_for(totals, name, now, values);

    if (!account)
        return;
    for (size_t i = 0; i < COUNTS; i++) {
        account->offset[i] += account->seen[i] - values[i];
        account->seen[i] = values[i];
    }
    totals->urgent = true;
}

void totals_note_lost(struct totals *totals, const char *prefix)
{
    static const uint64_t zeros[COUNTS];

    for (size_t i = 0; i < totals->n_accounts; i++)
        if (strncmp(totals->accounts[i].name.text, prefix, strlen(prefix)) == 0)
            read_now(&totals->accounts[i], zeros);
}

void totals_rename(struct totals *totals, const char *before, const char *name)
{
    struct account *old = find(totals, before), *new = find(totals, name);

    if (!old || old == new)
        return;
    if (!new) {
        new = add(totals, name);
        old = find(totals, before); /* the accounts may lie elsewhere now */
    }
    if (!new || !old)
        return;
    for (size_t i = 0; i < COUNTS; i++) {
        new->offset[i] += old->offset[i];
        new->seen[i] += old->seen[i];
    }
    new->since = old->since;
    new->first = old->first ? old->first : new->first;
    new->last = new->last > old->last ? new->last : old->last;
    *old = (struct account){.since = calendar_now(), .name = old->name};
    totals->urgent = true;
}

struct total totals_of(const struct totals *totals, const char *name, const struct both_counts *now)
{
    const struct account *found = find(totals, name);
    const struct account none = {.since = totals->since}, *before = found ? found : &none;
    struct account account = *before;
    struct total total = {0};
    uint64_t values[COUNTS];

    list(now, values);
    read_now(&account, values);
    note_hit(&account, before);
    for (size_t i = 0; i < COUNTS; i++)
        values[i] = account.offset[i] + account.seen[i];
    memcpy(&total.counts, values, sizeof(values));
    total.since = account.since;
    total.first = account.first;
    total.last = account.last;
    return total;
}

size_t totals_count(const struct totals *totals)
{
    return totals->n_accounts;
}

const char *totals_name(const struct totals *totals, size_t place)
{
    return totals->accounts[place].name.text;
}

usec_t totals_since(const struct totals *totals)
{
    return totals->since;
}

void totals_begin_change(struct totals *totals)
{
    totals->n_known = ++*totals->n_changes;
}

bool totals_is_overtaken(const struct totals *totals)
{
    return totals->n_known != __atomic_load_n(totals->n_changes, __ATOMIC_ACQUIRE);
}

bool totals_take_urgent(struct totals *totals)
{
    bool urgent = totals->urgent;

    totals->urgent = false;
    return urgent;
}

/* Whether the bytes are a header and what it says. */
static bool is_whole(const char *bytes, size_t size, struct header *ret_header)
{
    char digest[sizeof(((struct header *)NULL)->digest)] = {0};
    const size_t skip = offsetof(struct header, since);
    struct header header;

    if (size < sizeof(header))
        return false;
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 || header.n_accounts > TOTALS_MAX ||
        header.names_size > NAMES_MAX ||
        size != sizeof(header) + header.n_accounts * sizeof(struct account) + header.names_size ||
        (header.names_size > 0 && bytes[size - 1] != '\0'))
        return false;
    sha256_text(bytes + skip, size - skip, digest);
    if (memcmp(digest, header.digest, sizeof(digest)) != 0)
        return false;
    *ret_header = header;
    return true;
}

static int read_accounts(struct totals *totals, const char *bytes, const struct header *header)
{
    const size_t n = (size_t)header->n_accounts;
    cleanup_(freep) struct account *accounts = malloc((n + 1) * sizeof(*accounts));
    int r = accounts ? 0 : -ENOMEM;

    if (r == 0)
        memcpy(accounts, bytes + sizeof(*header), n * sizeof(*accounts));
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (accounts[i].name.place >= header->names_size)
            r = -EBADMSG;
    }
    if (r == 0)
        r = replace(totals, accounts, n, bytes + sizeof(*header) + n * sizeof(*accounts));
    if (r < 0)
        return r == -EEXIST ? -EBADMSG : r;
    TAKE_PTR(accounts);
    totals->since = header->since;
    return 0;
}

int totals_read(struct totals *totals, int directory)
{
    cleanup_(freep) char *bytes = NULL;
    struct header header;
    size_t size = 0;
    int r =
        file_read(directory, NAME, sizeof(header) + TOTALS_MAX * sizeof(struct account) + NAMES_MAX,
                  &bytes, &size);

    if (r < 0)
        return r == -EFBIG || r == -EINVAL ? -EBADMSG : r;
    return is_whole(bytes, size, &header) ? read_accounts(totals, bytes, &header) : -EBADMSG;
}

int totals_write(const struct totals *totals, int directory)
{
    struct header header = {
        .magic = MAGIC, .since = totals->since, .n_accounts = totals->n_accounts};
    const size_t skip = offsetof(struct header, since);
    cleanup_(freep) char *bytes = NULL;
    struct account *accounts;
    size_t size;
    char *names;

    for (size_t i = 0; i < totals->n_accounts; i++)
        header.names_size += strlen(totals->accounts[i].name.text) + 1;
    size = sizeof(header) + totals->n_accounts * sizeof(*accounts) + header.names_size;
    bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;

    accounts = (struct account *)(bytes + sizeof(header));
    names = (char *)(accounts + totals->n_accounts);
    for (size_t i = 0, place = 0; i < totals->n_accounts; i++) {
        const char *name = totals->accounts[i].name.text;

        accounts[i] = totals->accounts[i];
        accounts[i].name.place = place;
        strcpy(names + place, name);
        place += strlen(name) + 1;
    }
    memcpy(bytes, &header, sizeof(header));
    sha256_text(bytes + skip, size - skip, header.digest);
    memcpy(bytes, &header, sizeof(header));
    return file_write(directory, NAME, bytes, size, 0600);
}
