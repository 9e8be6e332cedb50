#include "core/facts.h"
#include "fuzz.h"

const char fuzz_name[] = "facts";

static void line(const char *text, enum gtid_flavour flavour)
{
	struct facts facts = {.promised = 7}, again;
	struct error err = {.sentence = ""};

	if (facts_parse(text, flavour, &facts, &err)) {
		MUST(facts.promised == 7 && facts.peer_count == 0 && *err.sentence);
		return;
	}
	/* What is taken is written in one way, which means the same. */
	_cleanup_free_ char *first = facts_format(&facts);
	MUST(facts_parse(first, flavour, &again, &err) == 0);
	_cleanup_free_ char *second = facts_format(&again);
	MUST(str_equal(first, second));
	/* What is held has everything that is executed, or is unknown. */
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts.server);
	MUST(!held || gtid_set_contains(held, facts.server.executed));
	facts_clear(&again);
	facts_clear(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	line(text, GTID_FLAVOUR_MYSQL);
	line(text, GTID_FLAVOUR_MARIADB);
	return 0;
}
