#include <string.h>

#include "core/config.h"
#include "fuzz.h"

const char fuzz_name[] = "credentials";

static void account(const struct account *account, bool password_needed)
{
	MUST(!account->user == !account->password);
	if (!account->user)
		return;
	MUST(*account->user && strlen(account->user) <= 32 && !strpbrk(account->user, "'\"\\`@%\n"));
	MUST(!strchr(account->password, '\n') && (*account->password || !password_needed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct credentials credentials = {.administration.user = NULL};
	struct error err = {.sentence = ""};

	if (credentials_parse("file", text, &credentials, &err)) {
		MUST(!credentials.administration.user && !credentials.replication.user);
		MUST(err.code == OCF_ERR_ARGS && strncmp(err.sentence, "credentials file", 16) == 0);
		/* A sentence has nothing of the file but a number: its length is bounded. */
		MUST(strlen(err.sentence) < 128);
		return 0;
	}
	account(&credentials.administration, false);
	account(&credentials.replication, true);
	credentials_clear(&credentials);
	return 0;
}
