#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/config.h"

static char *trimmed(const char *text, size_t n)
{
	while (n && (text[0] == ' ' || text[0] == '\t')) {
		text++;
		n--;
	}
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r'))
		n--;
	return str_ndup(text, n);
}

/* The value as MySQL's option files have it: quotes around it are dropped, no escapes are interpreted. */
static char *unquoted(char *value)
{
	size_t n = strlen(value);
	if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
		char *inner = str_ndup(value + 1, n - 2);
		free(value);
		return inner;
	}
	return value;
}

static int line_store(const char *path, unsigned int number, const char *line, struct account **section, struct credentials *c,
		      struct error *err)
{
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return 0;
	if (line[0] == '[') {
		if (strcmp(line, "[administration]") == 0)
			*section = &c->administration;
		else if (strcmp(line, "[replication]") == 0)
			*section = &c->replication;
		else if (strcmp(line, "[followers]") == 0)
			*section = &c->followers;
		else if (strcmp(line, "[site]") == 0)
			*section = &c->site;
		else
			return error_set(err, OCF_ERR_ARGS,
					 "credentials %s line %u: only the sections [administration], [replication], [followers] and "
					 "[site] belong here",
					 path, number);
		return 0;
	}
	const char *equals = strchr(line, '=');
	_cleanup_free_ char *key = trimmed(line, equals ? (size_t)(equals - line) : 0);
	char **field = NULL;
	if (*section && strcmp(key, "user") == 0)
		field = &(*section)->user;
	else if (*section && strcmp(key, "password") == 0)
		field = &(*section)->password;
	/* The line itself is never shown: it may hold a password. */
	if (!field || *field)
		return error_set(err, OCF_ERR_ARGS, "credentials %s line %u: user= and password= are wanted, once in each section", path,
				 number);
	*field = unquoted(trimmed(equals + 1, strlen(equals + 1)));
	return 0;
}

static int account_check(const char *path, const char *section, struct account *account, bool password_needed, struct error *err)
{
	if (!account->user && !account->password)
		return 0;
	if (str_empty(account->user) || strlen(account->user) > 32 || strpbrk(account->user, "'\"\\`@%"))
		return error_set(err, OCF_ERR_ARGS, "credentials %s: [%s] needs user= with a name of at most 32 characters", path, section);
	if (!account->password)
		account->password = str_dup("");
	/* It would be created without a password, for everybody on the host. */
	if (!password_needed && !*account->password && strcmp(account->user, "root") != 0)
		return error_set(err, OCF_ERR_ARGS,
				 "credentials %s: [%s] needs a password=: only root comes in by the unix socket without one", path,
				 section);
	if (password_needed && !*account->password)
		return error_set(err, OCF_ERR_ARGS, "credentials %s: [%s] needs a password=: it is used over the network", path, section);
	return 0;
}

int credentials_parse(const char *path, const char *text, struct credentials *ret, struct error *err)
{
	struct credentials c = {0};
	struct account *section = NULL;
	unsigned int number = 1;
	for (const char *at = text; *at; number++) {
		size_t n = strcspn(at, "\n");
		_cleanup_free_ char *line = trimmed(at, n);
		if (line_store(path, number, line, &section, &c, err))
			goto fail;
		at += n + (at[n] == '\n');
	}
	if (account_check(path, "administration", &c.administration, false, err) ||
	    account_check(path, "replication", &c.replication, true, err) || account_check(path, "followers", &c.followers, true, err) ||
	    account_check(path, "site", &c.site, true, err))
		goto fail;
	*ret = c;
	return 0;
fail:
	credentials_clear(&c);
	return -1;
}

static void account_clear(struct account *account)
{
	if (account->password)
		explicit_bzero(account->password, strlen(account->password));
	free(account->user);
	free(account->password);
	*account = (struct account){0};
}

void credentials_clear(struct credentials *credentials)
{
	account_clear(&credentials->administration);
	account_clear(&credentials->replication);
	account_clear(&credentials->followers);
	account_clear(&credentials->site);
}
