/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Files that are there whole or not at all, and digests: lib/base/file.h, lib/base/sha256.h. */

#include "base/cleanup.h"
#include "base/sha256.h"
#include "checks.h"
#include "folder.h"

static void assert_content(int directory, const char *name, const char *expected)
{
    cleanup_(freep) char *text = NULL;
    size_t size;

    text = folder_get(directory, name, &size);
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(size, strlen(expected));
}

START_TEST(what_is_written_is_read)
{
    static const char bytes[] = "a\0b\n";
    int directory = folder_enter("1m");
    cleanup_(freep) char *text = NULL;
    struct stat status;
    size_t size;

    umask(0777);
    ck_assert_int_eq(file_write(directory, "file", bytes, sizeof(bytes) - 1, 0640), 0);
    ck_assert_int_eq(file_read(directory, "file", 4, &text, &size), 0);
    ck_assert_uint_eq(size, 4);
    ck_assert_mem_eq(text, bytes, sizeof(bytes));

    ck_assert_int_eq(fstatat(directory, "file", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0640);
    ck_assert_uint_eq(folder_count(directory), 1);
}
END_TEST

START_TEST(an_empty_file_is_a_file)
{
    int directory = folder_enter("1m");

    ck_assert_int_eq(file_write(directory, "file", NULL, 0, 0600), 0);
    assert_content(directory, "file", "");
}
END_TEST

START_TEST(a_name_may_lead_into_a_folder)
{
    int directory = folder_enter("1m");

    ck_assert_int_eq(mkdirat(directory, "inner", 0700), 0);
    ck_assert_int_eq(file_write(directory, "inner/file", "x", 1, 0600), 0);
    ck_assert_int_eq(file_write(AT_FDCWD, FOLDER "/inner/other", "y", 1, 0600), 0);
    assert_content(directory, "inner/file", "x");
    assert_content(directory, "inner/other", "y");
    ck_assert_int_eq(file_write(directory, "outer/file", "x", 1, 0600), -ENOENT);
}
END_TEST

START_TEST(what_is_too_large_is_not_read)
{
    int directory = folder_enter("1m");
    char *text = NULL;
    size_t size;

    folder_put(directory, "file", "12345", 5);
    ck_assert_int_eq(file_read(directory, "file", 4, &text, &size), -EFBIG);
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(only_a_regular_file_is_read)
{
    static const char *const names[] = {"fifo", "link", "dangling", "folder"};
    int directory = folder_enter("1m");
    char *text = NULL;
    size_t size;

    folder_put(directory, "file", "x", 1);
    ck_assert_int_eq(mkfifoat(directory, "fifo", 0600), 0);
    ck_assert_int_eq(symlinkat("file", directory, "link"), 0);
    ck_assert_int_eq(symlinkat("nothing", directory, "dangling"), 0);
    ck_assert_int_eq(mkdirat(directory, "folder", 0700), 0);

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        ck_assert_int_eq(file_read(directory, names[i], 100, &text, &size), -EINVAL);
    ck_assert_int_eq(file_read(AT_FDCWD, "/dev/zero", 100, &text, &size), -EINVAL);
    ck_assert_int_eq(file_read(directory, "nothing", 100, &text, &size), -ENOENT);
    ck_assert_ptr_null(text);
}
END_TEST

/* Files of /proc have more to read than their size says. */
START_TEST(a_file_whose_size_is_not_its_own_is_refused)
{
    char *text = NULL;
    size_t size;

    ck_assert_int_eq(file_read(AT_FDCWD, "/proc/self/status", 100000, &text, &size), -EAGAIN);
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(a_link_is_replaced_and_not_followed)
{
    int directory = folder_enter("1m");

    folder_put(directory, "target", "old", 3);
    ck_assert_int_eq(symlinkat("target", directory, "file"), 0);
    ck_assert_int_eq(symlinkat("target", directory, ".file.tmp"), 0);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), 0);

    assert_content(directory, "target", "old");
    assert_content(directory, "file", "new");
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_content)
{
    static char large[256 * 1024];
    int directory = folder_enter("64k");

    ck_assert_int_eq(file_write(directory, "file", "old", 3, 0600), 0);
    ck_assert_int_eq(file_write(directory, "file", large, sizeof(large), 0600), -ENOSPC);
    assert_content(directory, "file", "old");
    ck_assert_uint_eq(folder_count(directory), 1);

    folder_fill(directory);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), -ENOSPC);
    assert_content(directory, "file", "old");
    ck_assert_int_eq(unlinkat(directory, "filler", 0), 0);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), 0);
    assert_content(directory, "file", "new");
}
END_TEST

START_TEST(a_read_only_disk_leaves_the_old_content)
{
    int directory = folder_enter("64k");

    folder_put(directory, "file", "old", 3);
    folder_make_read_only(true);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), -EROFS);
    ck_assert_int_eq(file_write(directory, "other", "new", 3, 0600), -EROFS);
    assert_content(directory, "file", "old");
}
END_TEST

START_TEST(what_cannot_be_replaced_leaves_no_temporary_file)
{
    int directory = folder_enter("64k");

    ck_assert_int_eq(mkdirat(directory, "file", 0700), 0);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), -EISDIR);
    ck_assert_uint_eq(folder_count(directory), 1);
}
END_TEST

START_TEST(what_a_crash_left_is_replaced_or_cleaned)
{
    int directory = folder_enter("64k");

    folder_put(directory, ".file.tmp", "half", 4);
    ck_assert_int_eq(file_write(directory, "file", "new", 3, 0600), 0);
    assert_content(directory, "file", "new");
    ck_assert_uint_eq(folder_count(directory), 1);

    folder_put(directory, ".file.tmp", "half", 4);
    folder_put(directory, ".other.tmp", "half", 4);
    folder_put(directory, ".tmp", "mine", 4);
    folder_put(directory, "file.tmp", "mine", 4);
    folder_put(directory, ".hidden", "mine", 4);
    ck_assert_int_eq(file_clean(directory), 0);
    ck_assert_uint_eq(folder_count(directory), 4);
    ck_assert(!folder_has(directory, ".file.tmp"));
    ck_assert(!folder_has(directory, ".other.tmp"));
    assert_content(directory, "file", "new");
}
END_TEST

START_TEST(a_name_that_is_too_long_is_an_error)
{
    int directory = folder_enter("64k");
    char name[256];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert_int_eq(file_write(directory, name, "x", 1, 0600), -ENAMETOOLONG);
}
END_TEST

/* FIPS 180-4 has the first two, by `printf … | sha256sum`. */
START_TEST(a_digest_is_the_known_one)
{
    char text[SHA256_TEXT_MAX];

    ck_assert_str_eq(sha256_text("abc", 3, text),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_str_eq(sha256_text("", 0, text),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert(sha256_is_text(text));

    text[10] = 'A';
    ck_assert(!sha256_is_text(text));
    text[10] = 'g';
    ck_assert(!sha256_is_text(text));
    text[10] = '\0';
    ck_assert(!sha256_is_text(text));
    ck_assert(!sha256_is_text(""));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, an_empty_file_is_a_file);
    tcase_add_test(tests, a_name_may_lead_into_a_folder);
    tcase_add_test(tests, what_is_too_large_is_not_read);
    tcase_add_test(tests, only_a_regular_file_is_read);
    tcase_add_test(tests, a_file_whose_size_is_not_its_own_is_refused);
    tcase_add_test(tests, a_link_is_replaced_and_not_followed);
    tcase_add_test(tests, a_full_disk_leaves_the_old_content);
    tcase_add_test(tests, a_read_only_disk_leaves_the_old_content);
    tcase_add_test(tests, what_cannot_be_replaced_leaves_no_temporary_file);
    tcase_add_test(tests, what_a_crash_left_is_replaced_or_cleaned);
    tcase_add_test(tests, a_name_that_is_too_long_is_an_error);
    tcase_add_test(tests, a_digest_is_the_known_one);
}
