/* options.h - the server options that the laws need: which the resource agent owns, which a user's file may not contradict, and the
 * command line that results. Pure. */
#ifndef SYSTOLE_CORE_OPTIONS_H
#define SYSTOLE_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "core/config.h"
#include "core/dialect.h"

/* Milliseconds. It must never fall back to asynchronous; MySQL 9.7 and MariaDB 10.11 take this value. */
#define SEMISYNC_FOR_EVER "1000000000000"

/* A variable that only the agent sets: read_only, semi-sync, what the laws fix. Name with underscores. */
bool option_is_owned(const char *name);

/* An owned variable that stands in this text of mysqld-auto.cnf (SET PERSIST wins over the command line there), or NULL. */
const char *option_persisted(const char *auto_cnf);

/* The options of the user's file, as `mysqld --defaults-file=F --print-defaults` prints them. */
struct user_options {
	struct user_option {
		char *name;  /* underscores, lower case, without loose_, skip_ becoming value 0 */
		char *value; /* "1" where only the name stands */
	} * items;
	size_t count;
};
void user_options_parse(const char *printed, struct user_options *ret);
void user_options_clear(struct user_options *options);
const char *user_options_get(const struct user_options *options, const char *name); /* the last one counts; NULL: not set */

/* A sentence for the first option that contradicts the laws, as an error of this host's file. */
int user_options_check(const struct config *config, const struct dialect *dialect, const struct user_options *options, struct error *err);

/* server_id from the user's file, else the cluster's node number, else 1. */
unsigned long server_id_choose(const struct config *config, const struct user_options *options);

/* The file that lists the binary logs, as the server will call it; the caller frees. */
char *binlog_index(const struct config *config, const struct user_options *options);

/* The value of the dialect's expiry while no member is missing: the user's, or the server's default. NULL: the server never purges by
 * itself then, or what the options say is not understood. The caller frees. */
char *binlog_expiry(const struct dialect *dialect, const struct user_options *options);

/* Our own directories in the data directory. MariaDB would take them for schemas. */
#define OWN_COPY ".systole-copy"	  /* a copy that comes in */
#define OWN_REPLACED ".systole-set-aside" /* what a copy has replaced, a directory each time */
#define OWN_DAMAGED ".systole-damaged"	  /* what no server could use any more, a directory each time */

enum launch_as {
	LAUNCH_PLAIN = 0,
	LAUNCH_BEHIND_PRIMARY, /* another primary exists: MariaDB may drop what it had not acknowledged */
};
/* argv for the server, NULL at the end; the caller frees with argv_free. */
char **server_argv(const struct config *config, const struct dialect *dialect, const struct user_options *options, enum launch_as as);
void argv_free(char **argv);

#endif
