#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* A sentence becomes one line of Pacemaker's log and of crm_mon, whatever the server or a file put into it. */
static void sentence_store(struct error *err, char *text, int length)
{
	static const char cut[] = "...";

	if (length < 0)
		text[0] = '\0';
	else if ((size_t)length >= sizeof(err->sentence))
		memcpy(text + sizeof(err->sentence) - sizeof(cut), cut, sizeof(cut));
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	memcpy(err->sentence, text, strlen(text) + 1);
}

int error_set(struct error *err, enum ocf_code code, const char *fmt, ...)
{
	char text[sizeof(err->sentence)];
	va_list args;
	int length;

	if (!err)
		return -1;
	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sentence_store(err, text, length);
	err->code = code;
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->sentence)];
	va_list args;
	int front, rest;

	if (!err)
		return -1;
	va_start(args, fmt);
	front = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (front < 0)
		front = 0;
	if ((size_t)front < sizeof(text)) {
		rest = snprintf(text + front, sizeof(text) - (size_t)front, ": %s", err->sentence);
		front = rest < 0 ? rest : front + rest;
	}
	sentence_store(err, text, front);
	return -1;
}

const char *ocf_code_name(enum ocf_code code)
{
	switch (code) {
	case OCF_SUCCESS:
		return "OCF_SUCCESS";
	case OCF_ERR_GENERIC:
		return "OCF_ERR_GENERIC";
	case OCF_ERR_ARGS:
		return "OCF_ERR_ARGS";
	case OCF_ERR_UNIMPLEMENTED:
		return "OCF_ERR_UNIMPLEMENTED";
	case OCF_ERR_PERM:
		return "OCF_ERR_PERM";
	case OCF_ERR_INSTALLED:
		return "OCF_ERR_INSTALLED";
	case OCF_ERR_CONFIGURED:
		return "OCF_ERR_CONFIGURED";
	case OCF_NOT_RUNNING:
		return "OCF_NOT_RUNNING";
	case OCF_RUNNING_PROMOTED:
		return "OCF_RUNNING_PROMOTED";
	case OCF_FAILED_PROMOTED:
		return "OCF_FAILED_PROMOTED";
	case OCF_DEGRADED:
		return "OCF_DEGRADED";
	case OCF_DEGRADED_PROMOTED:
		return "OCF_DEGRADED_PROMOTED";
	}
	return "not an OCF code";
}
