#include <string.h>

#include "core/options.h"
#include "fuzz.h"

const char fuzz_name[] = "options";

static void launch(const struct user_options *options, enum gtid_flavour flavour)
{
	struct server_version version = {flavour, 10, 5, 0};
	static char word[] = "/x";
	struct config config = {
	    .binary = word, .config = word, .datadir = word, .user = word, .group = word, .log = word, .pid = word, .socket = word};
	const struct dialect *dialect = dialect_for(&version);
	struct error err = {.sentence = ""};
	bool read_only = false;

	MUST(dialect);
	if (user_options_check(&config, dialect, options, &err)) {
		MUST(err.code == OCF_ERR_ARGS && *err.sentence);
		return;
	}
	char **argv = server_argv(&config, dialect, options, LAUNCH_PLAIN);
	for (char **a = argv; *a; a++)
		read_only |= strcmp(*a, "--read_only=ON") == 0;
	MUST(read_only);
	argv_free(argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct config config = {.binary = NULL};
	struct user_options options;

	user_options_parse(text, &options);
	for (size_t i = 0; i < options.count; i++) {
		MUST(options.items[i].name && options.items[i].value);
		MUST(!strpbrk(options.items[i].name, "-=ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
		MUST(user_options_get(&options, options.items[i].name) != NULL);
	}
	unsigned long id = server_id_choose(&config, &options);
	MUST(id >= 1 && id <= UINT32_MAX);
	launch(&options, GTID_FLAVOUR_MYSQL);
	launch(&options, GTID_FLAVOUR_MARIADB);
	user_options_clear(&options);
	(void)option_persisted(text);
	return 0;
}
