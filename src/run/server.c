#include "run/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"
#include "run/binlogs.h"

/* What the user has said, in the file and then on the command line, where the last word counts. */
int server_options(struct context *ctx, struct user_options *ret, struct error *err)
{
	_cleanup_free_ char *file = str_printf("--defaults-file=%s", ctx->config.config), *out = NULL;
	char *const argv[] = {ctx->config.binary, file, (char *)"--print-defaults", NULL};
	const struct proc_helper helper = {.argv = argv, .input = -1};
	int status = 0;
	if (proc_help(&helper, clock_now_ms() + 10000, &status, &out, NULL, err))
		return -1;
	if (status != 0)
		return error_set(err, OCF_ERR_ARGS, "parameter config: %s --defaults-file=%s --print-defaults fails: is the file valid?",
				 ctx->config.binary, ctx->config.config);
	_cleanup_free_ char *all =
	    str_printf("%s %s", out ? out : "", ctx->config.additional_parameters ? ctx->config.additional_parameters : "");
	user_options_parse(all, ret);
	return 0;
}

static int user_options_accept(struct context *ctx, const struct user_options *options, struct error *err)
{
	static char parameter[] = "parameter additional_parameters";
	struct user_options own = {0};
	struct config named = ctx->config;
	named.config = parameter; /* what a sentence about them blames */
	user_options_parse(ctx->config.additional_parameters ? ctx->config.additional_parameters : "", &own);
	int rc = user_options_check(&named, ctx->dialect, &own, err);
	user_options_clear(&own);
	return rc ? rc : user_options_check(&ctx->config, ctx->dialect, options, err);
}

/* SET PERSIST beats the command line: a server could start writable. */
static int persisted_check(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/mysqld-auto.cnf", ctx->config.datadir), *text = NULL;
	if (file_read(path, 1024 * 1024, &text, err))
		return -1;
	const char *name = text ? option_persisted(text) : NULL;
	if (!name)
		return 0;
	return error_set(err, OCF_ERR_ARGS,
			 "%s holds %s, which the resource agent manages: start the server by hand, RESET PERSIST %s, stop it", path, name,
			 name);
}

static int paths_check(const struct context *ctx, uid_t uid, struct error *err)
{
	uid_t owner;
	gid_t group;
	if (path_exists(ctx->config.binary) != PRESENCE_YES)
		return error_set(err, OCF_ERR_INSTALLED, "parameter binary: %s is not there: install the server, or name its program",
				 ctx->config.binary);
	if (path_exists(ctx->config.config) != PRESENCE_YES)
		return error_set(err, OCF_ERR_INSTALLED, "parameter config: %s is not there: create it, or name the server's option file",
				 ctx->config.config);
	_cleanup_free_ char *options = NULL;
	if (file_read(ctx->config.config, 1024 * 1024, &options, err)) {
		err->code = OCF_ERR_ARGS; /* a directory: the server takes it for an empty file */
		return error_wrap(err, "parameter config");
	}
	if (path_exists(ctx->config.datadir) != PRESENCE_YES)
		return error_set(err, OCF_ERR_INSTALLED, "parameter datadir: %s is not there: create it, or mount its disk",
				 ctx->config.datadir);
	if (path_owner(ctx->config.datadir, &owner, &group, err))
		return -1;
	if (dir_is_empty(ctx->config.datadir) == PRESENCE_UNKNOWN)
		return error_set(err, OCF_ERR_ARGS, "parameter datadir: %s is not a directory that can be read", ctx->config.datadir);
	if (owner != uid && !(owner == 0 && dir_is_empty(ctx->config.datadir) == PRESENCE_YES))
		return error_set(
		    err, OCF_ERR_PERM,
		    "parameter datadir: %s belongs to user id %u and not to %s: chown -R %s: %s, or correct the parameter user",
		    ctx->config.datadir, (unsigned int)owner, ctx->config.user, ctx->config.user, ctx->config.datadir);
	return 0;
}

int server_validate(struct context *ctx, struct error *err)
{
	struct user_options options = {0};
	uid_t uid;
	gid_t gid;
	if (account_ids(ctx->config.user, ctx->config.group, &uid, &gid, err) || paths_check(ctx, uid, err) || sql_load(err))
		return -1;
	if (context_read_credentials(ctx, err) || context_find_dialect(ctx, err) || server_options(ctx, &options, err))
		return -1;
	int rc = user_options_accept(ctx, &options, err);
	ctx->server_id = server_id_choose(&ctx->config, &options);
	user_options_clear(&options);
	return rc ? rc : persisted_check(ctx, err);
}

static int directory_of(const char *file, uid_t uid, gid_t gid, struct error *err)
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *dir = slash && slash != file ? str_ndup(file, (size_t)(slash - file)) : str_dup("/");
	return dir_make(dir, 0755, uid, gid, err);
}

static int directories_make(const struct context *ctx, uid_t uid, gid_t gid, struct error *err)
{
	uid_t owner;
	gid_t group;
	if (directory_of(ctx->config.socket, uid, gid, err) || directory_of(ctx->config.pid, uid, gid, err) ||
	    directory_of(ctx->config.log, uid, gid, err) || dir_make(ctx->run_dir, 0755, 0, 0, err) ||
	    dir_make(ctx->state_dir, 0700, 0, 0, err))
		return -1;
	/* A fresh disk, mounted: its root belongs to root. It is empty, see paths_check. */
	if (path_owner(ctx->config.datadir, &owner, &group, err))
		return -1;
	if (owner != uid && chown(ctx->config.datadir, uid, gid))
		return error_set(err, OCF_ERR_PERM, "%s cannot be given to %s", ctx->config.datadir, ctx->config.user);
	return 0;
}

/* Destructive: empties a data directory whose initialisation by us was cut short. Only with our marker in it, which was written when the
 * directory was empty and is removed when the initialisation has ended: nothing of the user's can be there. */
static int datadir_clear(const struct context *ctx, struct error *err)
{
	if (path_exists(ctx->init_marker) != PRESENCE_YES)
		return error_set(err, OCF_ERR_GENERIC, "%s is not there: nothing is removed", ctx->init_marker);
	log_warning("removes what an interrupted initialisation left in %s", ctx->config.datadir);
	DIR *dir = opendir(ctx->config.datadir);
	if (!dir)
		return error_set(err, OCF_ERR_PERM, "%s cannot be read", ctx->config.datadir);
	int rc = 0;
	for (struct dirent *entry = readdir(dir); entry && rc == 0; entry = readdir(dir))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lost+found") != 0)
			rc = tree_remove(ctx->config.datadir, entry->d_name, err);
	closedir(dir);
	/* What the interrupted program has started may still write for a moment: it is tried again. */
	return rc ? error_wrap(err, "%s cannot be emptied", ctx->config.datadir) : 0;
}

/* The program that makes a MariaDB data directory stands beside the client programs. */
static char *install_db_find(void)
{
	static const char *const places[] = {"/usr/bin/mariadb-install-db", "/usr/bin/mysql_install_db",
					     "/usr/local/bin/mariadb-install-db"};
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
		if (path_exists(places[i]) == PRESENCE_YES)
			return str_dup(places[i]);
	return NULL;
}

/* In a data directory that we have initialised and that has never served anybody. */
static char *new_marker(const struct context *ctx)
{
	return str_printf("%s/.systole-new", ctx->config.datadir);
}

static int initialise_run(struct context *ctx, char *const *argv, struct error *err)
{
	const struct proc_helper helper = {.argv = argv, .input = -1};
	_cleanup_free_ char *out = NULL, *errors = NULL;
	int status = 0;
	if (proc_help(&helper, ctx->deadline_ms, &status, &out, &errors, err))
		return -1;
	if (status == 0) {
		ctx->starts_failed = 0;
		return 0;
	}
	_cleanup_free_ char *line = log_last_error(ctx->config.log);
	ctx->starts_failed++;
	return error_set(err, OCF_ERR_GENERIC, "%s cannot initialise %s: %.300s", argv[0], ctx->config.datadir,
			 line	  ? line
			 : errors ? errors
				  : "no message");
}

int server_initialise(struct context *ctx, struct error *err)
{
	uid_t uid;
	gid_t gid;
	int lock = -1;
	if (account_ids(ctx->config.user, ctx->config.group, &uid, &gid, err) || directories_make(ctx, uid, gid, err) ||
	    context_find_dialect(ctx, err))
		return -1;
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return -1;
	bool unfinished = path_exists(ctx->init_marker) == PRESENCE_YES;
	int rc = unfinished ? datadir_clear(ctx, err) : file_write_durably(ctx->init_marker, "", 0600, err);
	_cleanup_free_ char *file = str_printf("--defaults-file=%s", ctx->config.config),
			    *dir = str_printf("--datadir=%s", ctx->config.datadir), *user = str_printf("--user=%s", ctx->config.user),
			    *log = str_printf("--log-error=%s", ctx->config.log);
	if (rc == 0 && ctx->dialect->from.flavour == GTID_FLAVOUR_MARIADB) {
		_cleanup_free_ char *program = install_db_find();
		char *const argv[] = {
		    program, file, dir, user, (char *)"--auth-root-authentication-method=socket", (char *)"--skip-test-db", NULL};
		rc = program ? initialise_run(ctx, argv, err)
			     : error_set(err, OCF_ERR_INSTALLED, "mariadb-install-db is not installed: it initialises data directories");
	} else if (rc == 0) {
		char *const argv[] = {ctx->config.binary, file, (char *)"--initialize-insecure", dir, user, log, NULL};
		rc = initialise_run(ctx, argv, err);
	}
	close(lock);
	if (rc)
		return rc;
	log_info("%s was initialised", ctx->config.datadir);
	/* MariaDB's own tables are not crash-safe, and nobody has synced them. The next launch closes the root account. */
	if (dir_sync_all(ctx->config.datadir, err))
		return -1;
	_cleanup_free_ char *done = new_marker(ctx);
	return file_write_durably(done, "", 0600, err) || file_remove(ctx->init_marker, err) ? -1 : 0;
}

/* mysqld refuses to start while the process that a stale lock file names is there; zombies and reused numbers count for it. */
static void socket_lock_remove(const struct context *ctx)
{
	_cleanup_free_ char *lock = str_printf("%s.lock", ctx->config.socket);
	struct error ignored;
	(void)file_remove(lock, &ignored);
	(void)file_remove(ctx->config.pid, &ignored);
}

/* MySQL initialises with a root account that needs no password: from its first minute on only the system's root gets in, by the socket. */
int server_secure(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *marker = new_marker(ctx);
	if (path_exists(marker) != PRESENCE_YES)
		return 0;
	if (context_connect(ctx, ctx->deadline_ms, err) != SQL_OK)
		return -1;
	if (!dialect_statement(ctx->dialect, STATEMENT_SECURE_ROOT))
		return file_remove(marker, err);
	if (context_run(ctx, ctx->sql, STATEMENT_NO_BINLOG, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_AGENT_WRITES, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_SECURE_ROOT, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_CLOSE_WRITES, err, NULL) != SQL_OK)
		return -1;
	context_disconnect(ctx);
	return file_remove(marker, err);
}

/* MariaDB keeps what it replicates from in files that it does not write through: after a power cut they may be there without their content,
 * and the server then refuses every statement about replication. Without them its relay log is lost, as unsynced parts of it are in any power
 * cut without power_safe; it is fetched again. Their first line is a number. */
static int source_files_mend(const struct context *ctx, struct error *err)
{
	static const char *const names[] = {"master.info", "relay-log.info"};
	bool torn = false;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", ctx->config.datadir, names[i]), *text = NULL;
		/* It is no text when the disk has zeroes where the content was to be. */
		bool unreadable = file_read(path, 65536, &text, err) != 0;
		torn = torn || unreadable || (text && strspn(text, "0123456789") == 0);
	}
	for (size_t i = 0; torn && i < ARRAY_LENGTH(names); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", ctx->config.datadir, names[i]);
		log_warning("removes %s: a power cut has left it without its content", path);
		if (file_remove(path, err))
			return -1;
	}
	return 0;
}

int server_launch(struct context *ctx, enum launch_as as, struct error *err)
{
	struct user_options options = {0};
	uid_t uid;
	gid_t gid;
	int lock = -1;
	if (server_validate(ctx, err) || account_ids(ctx->config.user, ctx->config.group, &uid, &gid, err))
		return -1;
	if (directories_make(ctx, uid, gid, err)) {
		ctx->starts_failed++;
		return -1;
	}
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return error_wrap(err, "another server or another resource uses %s", ctx->config.datadir);
	if (server_options(ctx, &options, err)) {
		close(lock);
		return -1;
	}
	if (ctx->dialect->from.flavour == GTID_FLAVOUR_MARIADB && source_files_mend(ctx, err)) {
		close(lock);
		return -1;
	}
	socket_lock_remove(ctx);
	binlogs_note(ctx, &options);
	char **argv = server_argv(&ctx->config, ctx->dialect, &options, as);
	const struct proc_server server = {.argv = argv,
					   .uid = uid,
					   .gid = gid,
					   .log = ctx->config.log,
					   .directory = ctx->config.datadir,
					   .lock_fd = lock,
					   .marker = ctx->server_marker};
	int rc = proc_launch(&server, &ctx->server, err);
	ctx->starts_failed += rc != 0;
	argv_free(argv);
	user_options_clear(&options);
	close(lock);
	if (rc)
		return rc;
	log_info("%s was started as process %d", ctx->config.binary, (int)ctx->server.pid);
	ctx->sysvars_set = ctx->shutdown_sent = false;
	/* Its answer is the next look's; here only that it does not end at once. */
	while (clock_now_ms() < ctx->deadline_ms) {
		struct error silent;
		if (proc_state(&ctx->server) == PROC_DEAD) {
			_cleanup_free_ char *line = log_last_error(ctx->config.log);
			ctx->starts_failed++;
			return error_set(err, OCF_ERR_GENERIC, "%s ended while it was starting: %.400s", ctx->config.binary,
					 line ? line : "its log is empty");
		}
		if (context_connect(ctx, clock_now_ms() + 1000, &silent) == SQL_OK) {
			ctx->starts_failed = 0;
			return server_secure(ctx, err);
		}
		clock_pause_ms(25);
	}
	return error_set(err, OCF_ERR_GENERIC, "%s does not listen yet", ctx->config.binary);
}

int server_shutdown(struct context *ctx, struct error *err)
{
	struct error ignored;
	ctx->shutdown_sent = true;
	/* Whether it works or not, the server goes down now. */
	if (ctx->sql && dialect_statement(ctx->dialect, STATEMENT_TURN_AWAY))
		(void)context_run(ctx, ctx->sql, STATEMENT_TURN_AWAY, &ignored, NULL);
	/* One that was found by its PID file removes that before it has ended: from here on it is known by its marker. */
	if (dir_make(ctx->run_dir, 0755, 0, 0, &ignored) == 0)
		(void)proc_marker_write(ctx->server_marker, &ctx->server, &ignored);
	context_disconnect(ctx); /* MySQL waits two seconds for every idle session */
	return proc_signal(&ctx->server, SIGTERM, err);
}

int server_kill(struct context *ctx, const char *reason, struct error *err)
{
	log_warning("kills the server, process %d: %s", (int)ctx->server.pid, reason);
	context_disconnect(ctx);
	if (proc_signal(&ctx->server, SIGKILL, err))
		return -1;
	if (!proc_wait_dead(&ctx->server, clock_now_ms() + 10000))
		return error_set(err, OCF_ERR_GENERIC, "process %d does not end after SIGKILL", (int)ctx->server.pid);
	return 0;
}
