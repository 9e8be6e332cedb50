#include "core/dialect.h"
#include "fuzz.h"

const char fuzz_name[] = "version";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct server_version version = {.major = 42};

	if (!server_version_parse(text, &version)) {
		MUST(version.flavour == GTID_FLAVOUR_UNKNOWN && version.major == 42);
		return 0;
	}
	MUST(version.flavour != GTID_FLAVOUR_UNKNOWN && version.major < 10000 && version.minor < 10000 && version.patch < 10000);
	const struct dialect *dialect = dialect_for(&version);
	MUST(!dialect || (dialect->from.flavour == version.flavour && dialect->from.major <= version.major));
	return 0;
}
