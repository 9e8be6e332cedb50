/* proc_help.c - bounded helper programs: their output is captured, and nothing of them is left when a call returns. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/proc.h"
#include "proc_child.h"

#define CAPTURE_MAX ((size_t)1 << 20)
#define SECRET_MARK "@SECRET@"
#define SECRET_PATH "/proc/self/fd/3"

struct capture {
	int fd;
	struct strbuf text;
};

struct run {
	const char *name;
	struct child child;
	int pidfd;
	struct capture out, err;
	bool ended;
	int status;
};

static void run_clear(struct run *run)
{
	if (run->child.pid > 0 && !run->ended)
		child_kill(&run->child);
	fd_closep(&run->pidfd);
	fd_closep(&run->out.fd);
	fd_closep(&run->err.fd);
	strbuf_clear(&run->out.text);
	strbuf_clear(&run->err.text);
}

/* A file in memory which has no name. Its mode matters: MySQL's programs ignore an option file that everybody can write. */
static int make_secret(const struct proc_helper *helper, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("systole", MFD_CLOEXEC);
	size_t length = strlen(helper->secret);

	if (fd < 0 || write(fd, helper->secret, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0 || fchmod(fd, 0400) < 0 ||
	    (helper->uid != geteuid() && fchown(fd, helper->uid, helper->gid) < 0))
		return error_set(err, OCF_ERR_GENERIC, "cannot hand a secret to %s: %s", helper->argv[0], strerror(errno));
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static char *replace_mark(const char *argument)
{
	const char *mark = strstr(argument, SECRET_MARK);

	if (!mark)
		return str_dup(argument);
	return str_printf("%.*s" SECRET_PATH "%s", (int)(mark - argument), argument, mark + strlen(SECRET_MARK));
}

static char **copy_arguments(char *const *argv)
{
	size_t count = 0;
	char **copy;

	while (argv[count])
		count++;
	copy = mem_alloc((count + 1) * sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = replace_mark(argv[i]);
	return copy;
}

static void arguments_freep(char ***argv)
{
	for (char **a = *argv; a && *a; a++)
		free(*a);
	free(*argv);
}

/* The reading end never blocks us; the writing end is the helper's and must block. */
static int make_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, OCF_ERR_GENERIC, "no pipe for a helper: %s", strerror(errno));
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* input, output: what becomes its stdin and stdout; output -1: captured. Both stay the caller's. */
static int run_start(struct run *run, const struct proc_helper *helper, int input, int output, uint64_t deadline_ms, struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int out_writer = -1;
	_cleanup_close_ int err_writer = -1;
	_cleanup_close_ int secret = -1;
	_cleanup_(arguments_freep) char **argv = copy_arguments(helper->argv);

	if (child_prepare(&run->child, CHILD_HELPER, argv, helper->uid, helper->gid, err) < 0)
		return -1;
	if (null < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot open /dev/null: %s", strerror(errno));
	if (helper->secret && make_secret(helper, &secret, err) < 0)
		return -1;
	if ((output < 0 && make_pipe(&run->out.fd, &out_writer, err) < 0) || make_pipe(&run->err.fd, &err_writer, err) < 0)
		return -1;
	run->name = helper->argv[0];
	run->child.no_core = helper->secret;
	run->child.fds[0] = input < 0 ? null : input;
	run->child.fds[1] = output < 0 ? out_writer : output;
	run->child.fds[2] = err_writer;
	run->child.fds[3] = secret;
	if (child_start(&run->child, err) < 0)
		return -1;
	if (child_confirm(&run->child, deadline_ms, err) < 0) {
		run->child.pid = 0;
		return -1;
	}
	run->child.argv = NULL;
	run->pidfd = (int)syscall(SYS_pidfd_open, run->child.pid, 0);
	if (run->pidfd < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot watch %s: %s", run->name, strerror(errno));
	return 0;
}

/* Takes what is there now. What is beyond the limit is read and dropped, so that the helper is never held up. */
static void capture_read(struct capture *capture)
{
	char chunk[16384];
	ssize_t n;

	while (capture->fd >= 0) {
		n = read(capture->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			fd_closep(&capture->fd);
			return;
		}
		if (capture->text.length < CAPTURE_MAX) {
			size_t room = CAPTURE_MAX - capture->text.length;

			strbuf_addn(&capture->text, chunk, (size_t)n < room ? (size_t)n : room);
		}
	}
}

/* What it left behind in its group is killed before it is reaped: until then the group's number is its own. */
static void run_reap(struct run *run)
{
	kill(-run->child.pid, SIGKILL);
	while (waitpid(run->child.pid, &run->status, 0) < 0 && errno == EINTR)
		;
	run->ended = true;
	capture_read(&run->out);
	capture_read(&run->err);
}

/* Returns when all have ended: 0, or -1 at the deadline (nothing was killed yet). */
static int runs_wait(struct run *runs, size_t count, uint64_t deadline_ms)
{
	for (;;) {
		struct pollfd fds[6];
		nfds_t n = 0;
		uint64_t left = clock_left_ms(deadline_ms);

		for (size_t i = 0; i < count; i++) {
			if (runs[i].ended)
				continue;
			fds[n++] = (struct pollfd){.fd = runs[i].pidfd, .events = POLLIN};
			fds[n++] = (struct pollfd){.fd = runs[i].out.fd, .events = POLLIN};
			fds[n++] = (struct pollfd){.fd = runs[i].err.fd, .events = POLLIN};
		}
		if (n == 0)
			return 0;
		if (left == 0)
			return -1;
		if (poll(fds, n, left > 3600000 ? 3600000 : (int)left) < 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (runs[i].ended)
				continue;
			capture_read(&runs[i].out);
			capture_read(&runs[i].err);
			if (child_wait_readable(runs[i].pidfd, 0))
				run_reap(&runs[i]);
		}
	}
}

static int fail_deadline(const struct run *run, uint64_t started_ms, struct error *err)
{
	return error_set(err, OCF_ERR_GENERIC, "%s did not end within %.1f s and was killed", run->name,
			 (double)(clock_now_ms() - started_ms) / 1000);
}

/* The last line of the text that has the word, cut to a sentence's length and free of control characters; NULL: none has it.
 * Servers end with "[ERROR] Aborting", which says nothing. */
static char *last_line(const char *text, const char *word)
{
	char *found = NULL;

	while (*text) {
		size_t length = strcspn(text, "\n");
		_cleanup_free_ char *line = str_ndup(text, length < 400 ? length : 400);

		for (char *c = line; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = ' ';
		if (line[strspn(line, " ")] && (!word || (strstr(line, word) && !strstr(line, "Aborting"))))
			str_set(&found, line);
		text += length + (text[length] == '\n');
	}
	return found;
}

static int fail_status(const struct run *run, struct error *err)
{
	_cleanup_free_ char *line = run->err.text.text ? last_line(run->err.text.text, NULL) : NULL;
	const char *said = line ? line : "it said nothing";

	if (WIFSIGNALED(run->status))
		return error_set(err, OCF_ERR_GENERIC, "%s was killed by signal %d: %s", run->name, WTERMSIG(run->status), said);
	return error_set(err, OCF_ERR_GENERIC, "%s failed with status %d: %s", run->name, WEXITSTATUS(run->status), said);
}

int proc_help(const struct proc_helper *helper, uint64_t deadline_ms, int *ret_status, char **ret_stdout, char **ret_stderr,
	      struct error *err)
{
	_cleanup_(run_clear) struct run run = {.pidfd = -1, .out = {.fd = -1}, .err = {.fd = -1}};
	uint64_t started_ms = clock_now_ms();

	if (run_start(&run, helper, helper->input, -1, deadline_ms, err) < 0)
		return -1;
	if (runs_wait(&run, 1, deadline_ms) < 0)
		return fail_deadline(&run, started_ms, err);
	if (WIFSIGNALED(run.status))
		return fail_status(&run, err);
	if (ret_status)
		*ret_status = run.status;
	if (ret_stdout)
		*ret_stdout = strbuf_take(&run.out.text);
	if (ret_stderr)
		*ret_stderr = strbuf_take(&run.err.text);
	return 0;
}

static bool run_failed(const struct run *run)
{
	return !WIFEXITED(run->status) || WEXITSTATUS(run->status) != 0;
}

static void runs_clear(struct run (*runs)[2])
{
	run_clear(&(*runs)[0]);
	run_clear(&(*runs)[1]);
}

static int start_both(struct run runs[2], const struct proc_helper *from, const struct proc_helper *to, uint64_t deadline_ms,
		      struct error *err)
{
	_cleanup_close_ int reader = -1;
	_cleanup_close_ int writer = -1;
	int fds[2];

	/* Both ends block: they are the helpers'. */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, OCF_ERR_GENERIC, "no pipe between %s and %s: %s", from->argv[0], to->argv[0], strerror(errno));
	reader = fds[0];
	writer = fds[1];
	if (run_start(&runs[1], to, reader, -1, deadline_ms, err) < 0)
		return -1;
	return run_start(&runs[0], from, from->input, writer, deadline_ms, err);
}

int proc_help_pipe(const struct proc_helper *from, const struct proc_helper *to, uint64_t deadline_ms, struct error *err)
{
	_cleanup_(runs_clear) struct run runs[2] = {
	    {.pidfd = -1, .out = {.fd = -1}, .err = {.fd = -1}},
	    {.pidfd = -1, .out = {.fd = -1}, .err = {.fd = -1}},
	};
	uint64_t started_ms = clock_now_ms();
	bool sigpipe;

	if (start_both(runs, from, to, deadline_ms, err) < 0)
		return -1;
	if (runs_wait(runs, 2, deadline_ms) < 0)
		return fail_deadline(runs[0].ended ? &runs[1] : &runs[0], started_ms, err);
	/* A sender that died of SIGPIPE only followed its receiver: the receiver knows why. */
	sigpipe = WIFSIGNALED(runs[0].status) && WTERMSIG(runs[0].status) == SIGPIPE;
	if (run_failed(&runs[0]) && !(sigpipe && run_failed(&runs[1])))
		return fail_status(&runs[0], err);
	return run_failed(&runs[1]) ? fail_status(&runs[1], err) : 0;
}

/* The last 64 KiB; NULL: there is no such file. The caller frees. */
static char *log_end(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const size_t room = 65536;
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	text = mem_alloc(room + 1);
	n = pread(fd, text, room, (uintmax_t)st.st_size > room ? st.st_size - (off_t)room : 0);
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return text;
}

char *log_last_error(const char *path)
{
	_cleanup_free_ char *text = log_end(path);
	char *line = text ? last_line(text, "[ERROR]") : NULL;

	return line || !text ? line : last_line(text, NULL);
}

bool log_says(const char *path, const char *word)
{
	_cleanup_free_ char *text = log_end(path);
	const char *since = text;

	/* MySQL: "starting as process 7"; MariaDB: "Starting MariaDB 10.11 ... as process 7". */
	for (const char *at = text; at && (at = strstr(at, " as process ")) != NULL; at++)
		since = at;
	while (since && *since) {
		size_t length = strcspn(since, "\n");
		_cleanup_free_ char *line = str_ndup(since, length);

		if (strstr(line, "[ERROR]") && strcasestr(line, word))
			return true;
		since += length + (since[length] == '\n');
	}
	return false;
}
