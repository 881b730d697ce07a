/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: maps the file and reads it through one function, `at`, that answers NULL for whatever
 * does not lie within. Symbols are searched one by one in both tables: the dynamic one tells what
 * the program exports, the other one what was linked in and kept inside.
 */
#include "tools/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* A symbol that every libzmq since 3.2 has, and a text that only libzmq has. */
static const char zmq_symbol[] = "zmq_ctx_new";
static const char zmq_words[] = "Operation cannot be accomplished in current state";

struct image {
    const uint8_t *bytes;
    size_t size;
};

/* `count` items of `item` bytes at `offset`; NULL when they are not all within the file. */
static const void *at(const struct image *f, uint64_t offset, uint64_t count, size_t item)
{
    if (offset > f->size || count > (f->size - offset) / item)
        return NULL;
    return f->bytes + offset;
}

static const ElfW(Shdr) * section(const struct image *f, const ElfW(Ehdr) * h, unsigned n)
{
    if (n >= h->e_shnum || h->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    return at(f, h->e_shoff + (uint64_t)n * sizeof(ElfW(Shdr)), 1, sizeof(ElfW(Shdr)));
}

static bool table_defines(const struct image *f, const ElfW(Ehdr) * h, const ElfW(Shdr) * table)
{
    const ElfW(Shdr) *names = section(f, h, table->sh_link);
    size_t count = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbols = at(f, table->sh_offset, count, sizeof *symbols);
    const char *text = names ? at(f, names->sh_offset, names->sh_size, 1) : NULL;

    if (!symbols || !text)
        return false;
    for (size_t i = 0; i < count; i++) {
        ElfW(Sym) s;

        memcpy(&s, &symbols[i], sizeof s); /* a file may lay its tables anywhere */
        if (s.st_shndx != SHN_UNDEF && s.st_name < names->sh_size &&
            names->sh_size - s.st_name >= sizeof zmq_symbol &&
            memcmp(text + s.st_name, zmq_symbol, sizeof zmq_symbol) == 0)
            return true;
    }
    return false;
}

static void read_symbols(const struct image *f, const ElfW(Ehdr) * h, struct program_facts *facts)
{
    bool inner = false;

    for (unsigned i = 0; i < h->e_shnum && !facts->has_zmq; i++) {
        const ElfW(Shdr) *s = section(f, h, i);

        if (!s)
            break;
        inner |= s->sh_type == SHT_SYMTAB;
        if (s->sh_type == SHT_SYMTAB || s->sh_type == SHT_DYNSYM)
            facts->has_zmq = table_defines(f, h, s);
    }
    if (!facts->has_zmq && !inner)
        facts->looks_like_zmq = memmem(f->bytes, f->size, zmq_words, sizeof zmq_words) != NULL;
}

static bool has_loader(const struct image *f, const ElfW(Ehdr) * h)
{
    const ElfW(Phdr) *p = at(f, h->e_phoff, h->e_phnum, sizeof *p);

    if (!p || h->e_phentsize != sizeof *p)
        return false;
    for (unsigned i = 0; i < h->e_phnum; i++)
        if (p[i].p_type == PT_INTERP)
            return true;
    return false;
}

static void read_elf(const struct image *f, struct program_facts *facts)
{
    const ElfW(Ehdr) *h = at(f, 0, 1, sizeof *h);
    ElfW(Ehdr) ours;

    facts->elf = true;
    facts->foreign = true;
    if (!h || h->e_ident[EI_CLASS] != NATIVE_CLASS)
        return;
    memcpy(&ours, h, sizeof ours);
    if (ours.e_phoff % alignof(ElfW(Phdr)) || ours.e_shoff % alignof(ElfW(Shdr)))
        return; /* no linker does that */
#if defined(__x86_64__)
    facts->foreign = ours.e_machine != EM_X86_64;
#elif defined(__aarch64__)
    facts->foreign = ours.e_machine != EM_AARCH64;
#else
    facts->foreign = false;
#endif
    facts->dynamic = has_loader(f, &ours);
    read_symbols(f, &ours, facts);
}

/* The first word behind `from`; its end, or NULL when there is none or it does not fit. */
static const char *next_word(const char *from, const char *end, char *word, size_t room)
{
    const char *start;

    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    for (start = from; from < end && *from != ' ' && *from != '\t';)
        from++;
    if (from == start || (size_t)(from - start) >= room)
        return NULL;
    memcpy(word, start, (size_t)(from - start));
    word[from - start] = '\0';
    return from;
}

/* #!/bin/sh -e, and #!/usr/bin/env [-S] [NAME=VALUE] python3: then it is python3 that counts. */
static void read_script(const struct image *f, struct program_facts *facts)
{
    const char *p = (const char *)f->bytes + 2, *end = memchr(p, '\n', f->size - 2);
    char *word = facts->interpreter, *base;

    if (!end)
        end = (const char *)f->bytes + f->size;
    p = next_word(p, end, word, sizeof facts->interpreter);
    if (!p)
        return;
    base = strrchr(word, '/');
    if (strcmp(base ? base + 1 : word, "env") != 0)
        return;
    while ((p = next_word(p, end, word, sizeof facts->interpreter)))
        if (word[0] != '-' && !strchr(word, '='))
            return;
    word[0] = '\0';
}

int program_inspect(const char *path, struct program_facts *facts)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    struct stat st;
    struct image f;

    memset(facts, 0, sizeof *facts);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 4)
        goto close_fd;
    f.size = (size_t)st.st_size;
    f.bytes = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (f.bytes == MAP_FAILED) {
        rc = -errno;
        goto close_fd;
    }
    if (memcmp(f.bytes, ELFMAG, SELFMAG) == 0)
        read_elf(&f, facts);
    else if (f.bytes[0] == '#' && f.bytes[1] == '!')
        read_script(&f, facts);
    munmap((void *)(uintptr_t)f.bytes, f.size);
close_fd:
    close(fd);
    return rc;
}
