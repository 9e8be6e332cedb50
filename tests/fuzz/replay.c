/* A harness as a test: every seed by itself, cut short at every length, and with every byte changed a little. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

enum {
	SEED_MAX = 64 << 10,
	MUTATED_MAX = 4 << 10
};

/* The input in memory of its own size: a read behind its end is seen by a sanitizer. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_alloc(size);

	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void replay(uint8_t *data, size_t size)
{
	static const uint8_t flips[] = {0x01, 0x04, 0x10, 0x80, 0xff};

	run(data, size);
	if (size > MUTATED_MAX)
		return;
	for (size_t cut = 0; cut < size; cut++)
		run(data, cut);
	for (size_t i = 0; i < size; i++) {
		for (size_t f = 0; f < sizeof(flips); f++) {
			data[i] ^= flips[f];
			run(data, size);
			data[i] ^= flips[f];
		}
	}
}

static int seed_replay(const char *directory, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", directory, name);
	static uint8_t data[SEED_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	size = fread(data, 1, sizeof(data), file);
	if (ferror(file) || !feof(file)) {
		printf("# %s: not read to its end\n", path);
		fclose(file);
		return -1;
	}
	fclose(file);
	replay(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	_cleanup_free_ char *directory =
	    argc > 1 ? str_dup(argv[1]) : str_printf("%s/tests/fuzz/seeds/%s", source ? source : ".", fuzz_name);
	struct dirent **seeds;
	int count = 0, failed = 0, found = scandir(directory, &seeds, NULL, alphasort);

	if (found < 0) {
		printf("Bail out! %s: %s\n", directory, strerror(errno));
		return 1;
	}
	for (int i = 0; i < found; i++) {
		_cleanup_free_ char *name = str_dup(seeds[i]->d_name);
		bool bad;

		free(seeds[i]);
		if (name[0] == '.')
			continue;
		bad = seed_replay(directory, name) < 0;
		failed = failed || bad;
		printf("%s %d - %s: %s\n", bad ? "not ok" : "ok", ++count, fuzz_name, name);
		fflush(stdout);
	}
	free(seeds);
	if (count == 0) {
		printf("Bail out! no seeds in %s\n", directory);
		return 1;
	}
	printf("1..%d\n", count);
	return failed;
}
