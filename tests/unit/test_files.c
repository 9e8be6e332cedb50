/* Small files: whole or not at all, and never something that only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "io/files.h"

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *bytes, size_t length)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void written_text_is_read_back(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct error err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(file_write_durably(in_dir("a"), "one\n", 0640, &err), 0);
	assert_int_equal(file_write(in_dir("a"), "two\n", 0640, &err), 0);
	assert_int_equal(file_read(in_dir("a"), 100, &text, &err), 0);
	assert_string_equal(text, "two\n");
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(unlink(in_dir("a")), 0);
	assert_int_equal(dir_is_empty(dir), PRESENCE_YES);
}

static void nothing_is_left_when_the_target_cannot_be_replaced(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(mkdir(in_dir("d"), 0755), 0);
	assert_int_equal(file_write(in_dir("d"), "x", 0600, &err), -1);
	assert_non_null(strstr(err.sentence, in_dir("d")));
	assert_int_equal(rmdir(in_dir("d")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void a_file_that_is_not_there_is_no_error(void **state)
{
	char *text = dir;
	struct error err = {0};

	(void)state;
	assert_int_equal(file_read(in_dir("none"), 100, &text, &err), 0);
	assert_null(text);
	text = dir;
	assert_int_equal(file_read_secret(in_dir("none"), 100, &text, &err), 0);
	assert_null(text);
	assert_int_equal(file_remove(in_dir("none"), &err), 0);
}

static void refused(const char *name, size_t max, const char *because)
{
	char *text = dir;
	struct error err = {0};

	assert_int_equal(file_read(in_dir(name), max, &text, &err), -1);
	assert_ptr_equal(text, dir);
	assert_non_null(strstr(err.sentence, in_dir(name)));
	if (!strstr(err.sentence, because))
		fail_msg("'%s' does not say '%s'", err.sentence, because);
}

static void what_is_no_small_text_file_is_refused(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	put("nul", "a\0b", 3);
	refused("nul", 100, "NUL");
	put("big", "12345", 5);
	refused("big", 4, "5 bytes");
	assert_int_equal(file_read(in_dir("big"), 5, &text, NULL), 0);
	assert_string_equal(text, "12345");
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	refused("fifo", 100, "not a regular file");
	assert_int_equal(mkdir(in_dir("sub"), 0700), 0);
	refused("sub", 100, "not a regular file");
	unlink(in_dir("nul"));
	unlink(in_dir("big"));
	unlink(in_dir("fifo"));
	rmdir(in_dir("sub"));
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
	char *text = dir;
	struct error err = {0};

	(void)state;
	put("secret", "pw", 2);
	assert_int_equal(chmod(in_dir("secret"), 0640), 0);
	assert_int_equal(file_read_secret(in_dir("secret"), 100, &text, &err), -1);
	assert_int_equal(err.code, OCF_ERR_PERM);
	assert_non_null(strstr(err.sentence, "0640"));
	assert_non_null(strstr(err.sentence, "chmod 600"));
	assert_ptr_equal(text, dir);

	assert_int_equal(chmod(in_dir("secret"), 0600), 0);
	if (geteuid() == 0) {
		_cleanup_free_ char *mine = NULL;

		assert_int_equal(file_read_secret(in_dir("secret"), 100, &mine, &err), 0);
		assert_string_equal(mine, "pw");
	} else {
		assert_int_equal(file_read_secret(in_dir("secret"), 100, &text, &err), -1);
		assert_non_null(strstr(err.sentence, "must belong to root"));
	}
	unlink(in_dir("secret"));
}

static void directories_are_made_where_they_are_missing(void **state)
{
	_cleanup_free_ char *path = str_printf("%s/x/y", dir);
	struct error err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(in_dir("x"), 0711), 0);
	assert_int_equal(dir_make(path, 0750, getuid(), getgid(), &err), 0);
	assert_int_equal(dir_make(path, 0700, getuid(), getgid(), &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(in_dir("x"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	put("x/file", "", 0);
	assert_int_equal(dir_make(in_dir("x/file/z"), 0700, getuid(), getgid(), &err), -1);
	assert_non_null(strstr(err.sentence, "file"));
	assert_int_equal(dir_make("relative", 0700, getuid(), getgid(), &err), -1);
	unlink(in_dir("x/file"));
	rmdir(path);
	rmdir(in_dir("x"));
}

static void a_directory_that_cannot_be_seen_is_not_empty(void **state)
{
	(void)state;
	assert_int_equal(dir_is_empty(in_dir("none")), PRESENCE_UNKNOWN);
	assert_int_equal(dir_is_empty(dir), PRESENCE_YES);
	put(".hidden", "", 0);
	assert_int_equal(mkdir(in_dir("lost+found"), 0700), 0);
	assert_int_equal(dir_is_empty(dir), PRESENCE_YES);
	put("ibdata1", "", 0);
	assert_int_equal(dir_is_empty(dir), PRESENCE_NO);
	unlink(in_dir(".hidden"));
	unlink(in_dir("ibdata1"));
	rmdir(in_dir("lost+found"));
}

static void a_link_to_nowhere_says_nothing(void **state)
{
	_cleanup_free_ char *link = str_dup(in_dir("link"));
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(path_exists(in_dir("none")), PRESENCE_NO);
	assert_int_equal(path_exists(dir), PRESENCE_YES);
	assert_int_equal(symlink("/nowhere/at/all", link), 0);
	assert_int_equal(path_exists(link), PRESENCE_UNKNOWN);
	assert_int_equal(path_same(link, dir), PRESENCE_UNKNOWN);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(path_same(link, dir), PRESENCE_YES);
	assert_int_equal(path_same("/", dir), PRESENCE_NO);
	assert_int_equal(path_owner(link, &uid, &gid, NULL), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(unlink(link), 0);
}

static void an_account_that_does_not_exist_is_not_installed(void **state)
{
	struct error err = {0};
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(account_ids("root", NULL, &uid, &gid, &err), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(account_ids("no-such-user", "", &uid, &gid, &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_int_equal(account_ids("root", "no-such-group", &uid, &gid, &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_non_null(strstr(err.sentence, "no-such-group"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(written_text_is_read_back),
	    cmocka_unit_test(nothing_is_left_when_the_target_cannot_be_replaced),
	    cmocka_unit_test(a_file_that_is_not_there_is_no_error),
	    cmocka_unit_test(what_is_no_small_text_file_is_refused),
	    cmocka_unit_test(a_secret_that_others_may_read_is_refused),
	    cmocka_unit_test(directories_are_made_where_they_are_missing),
	    cmocka_unit_test(a_directory_that_cannot_be_seen_is_not_empty),
	    cmocka_unit_test(a_link_to_nowhere_says_nothing),
	    cmocka_unit_test(an_account_that_does_not_exist_is_not_installed),
	};
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/systole-files.XXXXXX");
	if (!mkdtemp(dir))
		return 99;
	failed = cmocka_run_group_tests_name("files", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
