#include <string.h>

#include "base/parse.h"
#include "fuzz.h"

const char fuzz_name[] = "fields";

/* Every other parser of base sees the same text: it is refused or has a value, and what is refused touches nothing. */
static void values(const char *text)
{
	uint64_t number = 42, ms = 42;
	bool truth = true;

	if (!parse_u64(text, 10, 1000, &number))
		MUST(number == 42);
	MUST(number >= 10 && number <= 1000);
	if (!parse_duration_ms(text, &ms))
		MUST(ms == 42);
	if (!parse_bool(text, &truth))
		MUST(truth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size), *printed = NULL;
	struct strbuf line = {0};
	struct fields fields = {.items = NULL, .count = 99};

	values(text);
	if (!fields_parse(text, &fields)) {
		MUST(fields.items == NULL && fields.count == 99);
		return 0;
	}
	MUST(fields.count <= FIELDS_MAX);
	for (size_t i = 0; i < fields.count; i++) {
		const struct field *field = &fields.items[i];

		MUST(fields_get(&fields, field->key) == field->value);
		values(field->value);
		strbuf_addf(&line, "%s%s=%s", i ? " " : "", field->key, field->value);
	}
	printed = strbuf_take(&line);
	MUST(str_equal(printed, text));
	fields_clear(&fields);
	return 0;
}
