/* mysql.c - the resource agent ocf:systole:mysql. One action a process; everything is in src/run/actions.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/metadata.h"
#include "run/run.h"

int main(int argc, char **argv)
{
	const char *action = argc > 1 ? argv[1] : "";
	if (strcmp(action, "meta-data") == 0) {
		fputs(metadata_text, stdout);
		exit(OCF_SUCCESS);
	}
	if (strcmp(action, "usage") == 0 || strcmp(action, "help") == 0 || strcmp(action, "--help") == 0) {
		action_usage();
		exit(OCF_SUCCESS);
	}
	if (!*action) {
		action_usage();
		exit(OCF_ERR_ARGS);
	}
	exit(action_run(action, environ));
}
