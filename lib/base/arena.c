/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An arena is a list of blocks; an allocation takes the next bytes of the newest block. A piece
 * that is larger than a block gets a block of its own, after the newest, so that the room left in
 * the newest is not lost. A shared arena lies in the one block that it has, and is mapped. If it is
 * in a file, room on the disk is reserved before it is written: a page that the disk has no room
 * for would end the process.
 */

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ARENA_BLOCK_SIZE ((size_t)64 * 1024)
#define ARENA_ALIGNMENT ((size_t)16)
/* What is reserved at a time, and what is left to others. */
#define ARENA_FILE_STEP ((size_t)256 * 1024)
#define ARENA_FILE_LEFT ((uint64_t)256 * 1024 * 1024)

struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(16) unsigned char bytes[];
};

struct arena {
    struct block *blocks;
    size_t mapped;   /* bytes of a shared arena, from this structure on; 0: it is on the heap */
    int file;        /* that it lies in; or -1 */
    size_t reserved; /* bytes of the file that the disk has room for */
};

int arena_new(struct arena **ret_arena)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        return -ENOMEM;

    arena->file = -1;
    *ret_arena = arena;
    return 0;
}

static int new_mapped(int fd, size_t most, struct arena **ret_arena)
{
    const size_t head = (sizeof(struct arena) + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    struct arena *arena;
    struct block *block;

    if (ftruncate(fd, (off_t)most) < 0)
        return -errno;
    arena = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (arena == MAP_FAILED)
        return -errno;

    block = (void *)((unsigned char *)arena + head);
    block->size = most - head - sizeof(*block);
    arena->blocks = block;
    arena->mapped = most;
    arena->file = -1;
    *ret_arena = arena;
    return 0;
}

int arena_new_shared(size_t most, struct arena **ret_arena)
{
    cleanup_(closep) int fd = memfd_create("segd", MFD_CLOEXEC);

    return fd < 0 ? -errno : new_mapped(fd, most, ret_arena);
}

/* Reserves bytes of the file. Returns 0 or -errno. */
static int reserve_room(int fd, size_t from, size_t size)
{
    struct statvfs status;

    if (fstatvfs(fd, &status) < 0)
        return -errno;
    if ((uint64_t)status.f_bavail * status.f_frsize < ARENA_FILE_LEFT + size)
        return -ENOSPC;
    return fallocate(fd, 0, (off_t)from, (off_t)size) < 0 ? -errno : 0;
}

int arena_new_filed(int directory, size_t most, struct arena **ret_arena)
{
    cleanup_(closep) int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : reserve_room(fd, 0, ARENA_FILE_STEP);

    if (r == 0)
        r = new_mapped(fd, most, ret_arena);
    if (r < 0)
        return r;
    (*ret_arena)->file = TAKE_FD(fd);
    (*ret_arena)->reserved = ARENA_FILE_STEP;
    return 0;
}

/* Whether the next `size` bytes may be written. */
static bool reserve(struct arena *arena, size_t size)
{
    const struct block *block = arena->blocks;
    const size_t end = (size_t)(block->bytes - (const unsigned char *)arena) + block->used + size;

    if (arena->file < 0 || end <= arena->reserved)
        return true;
    size = (end - arena->reserved + ARENA_FILE_STEP - 1) / ARENA_FILE_STEP * ARENA_FILE_STEP;
    if (reserve_room(arena->file, arena->reserved, size) < 0)
        return false;
    arena->reserved += size;
    return true;
}

int arena_protect(struct arena *arena)
{
    return mprotect(arena, arena->mapped, PROT_READ) < 0 ? -errno : 0;
}

struct arena *arena_free(struct arena *arena)
{
    struct block *next;

    if (!arena)
        return NULL;
    if (arena->mapped > 0) {
        closep(&arena->file);
        munmap(arena, arena->mapped);
        return NULL;
    }

    for (struct block *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
    return NULL;
}

static struct block *arena_grow(struct arena *arena, size_t size)
{
    size_t room = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
    struct block *block = arena->mapped > 0 ? NULL : calloc(1, sizeof(*block) + room);

    if (!block)
        return NULL;

    block->size = room;

    if (arena->blocks && size > ARENA_BLOCK_SIZE) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;
    void *memory;

    if (size > (size_t)-1 - sizeof(*block) - ARENA_ALIGNMENT)
        return NULL;
    size = (size + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);

    if (!block || block->size - block->used < size)
        block = arena_grow(arena, size);
    if (!block || !reserve(arena, size))
        return NULL;

    memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *memory = arena_allocate(arena, size);

    if (memory && size > 0)
        memcpy(memory, bytes, size);
    return memory;
}

char *arena_string(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

void *arena_add(struct arena *arena, void *list, size_t *n, size_t size)
{
    char **elements = list;

    /* The capacity is the next power of two, so the list is full when its length is one. */
    if ((*n & (*n - 1)) == 0) {
        char *grown = arena_allocate(arena, (*n > 0 ? 2 * *n : 1) * size);

        if (!grown)
            return NULL;
        if (*n > 0)
            memcpy(grown, *elements, *n * size);
        *elements = grown;
    }
    return *elements + (*n)++ * size;
}

int arena_keep_string(struct arena *arena, const char **text)
{
    const char *copy = *text ? arena_string(arena, *text) : NULL;

    if (*text && !copy)
        return -ENOMEM;
    *text = copy;
    return 0;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    cleanup_(freep) char *text = NULL;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text = NULL;
        return NULL;
    }
    return arena_copy(arena, text, (size_t)length + 1);
}
