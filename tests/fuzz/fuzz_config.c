#include <string.h>

#include "core/config.h"
#include "core/options.h"
#include "fuzz.h"

const char fuzz_name[] = "config";

static void sysvars(const struct sysvars *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *name = list->items[i].name, *value = list->items[i].value;

		MUST(*name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(name) && !option_is_owned(name));
		/* Put into a statement as it is: nothing may end the text or the statement. */
		MUST(*value && !strpbrk(value, "\\\n"));
		if (value[0] == '\'')
			MUST(strchr(value + 1, '\'') == value + strlen(value) - 1);
		else
			MUST(!strpbrk(value, "'\" ();`#="));
	}
}

/* One assignment a line, as the environment has them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	char *env[33] = {NULL}, *save = NULL;
	size_t count = 0;
	struct config config;
	struct error err = {.sentence = ""};

	for (char *line = strtok_r(text, "\n", &save); line && count < 32; line = strtok_r(NULL, "\n", &save))
		env[count++] = line;
	if (config_load(env, &config, &err)) {
		MUST(*err.sentence && (err.code == OCF_ERR_CONFIGURED || err.code == OCF_ERR_ARGS));
		return 0;
	}
	sysvars(&config.promoted_sysvars);
	sysvars(&config.unpromoted_sysvars);
	MUST(config.port >= 1 && config.port <= 65535);
	MUST(config.durability != DURABILITY_UNKNOWN && config.provision != PROVISION_UNKNOWN);
	MUST(config.datadir && config.datadir[0] == '/');
	MUST(config.instance.clone_max >= 1 && config.instance.clone_max <= 64);
	MUST(*config.instance.resource && !strchr(config.instance.resource, '/') && config.instance.resource[0] != '.');
	config_clear(&config);
	return 0;
}
