/* error.h - one error: an OCF exit code and the sentence that an operator reads. It never prints and never exits.
 *
 * A function that can fail returns 0, or -1 with the error filled in; outputs named ret_ are untouched on failure.
 * The sentence is written where the failure is seen, wrapped on the way up, and printed once, by main(). */
#ifndef SYSTOLE_BASE_ERROR_H
#define SYSTOLE_BASE_ERROR_H

/* Exit codes of the OCF Resource Agent API 1.1; 190 and 191 are Pacemaker's degraded codes. */
enum ocf_code {
	OCF_SUCCESS = 0,
	OCF_ERR_GENERIC = 1,
	OCF_ERR_ARGS = 2, /* wrong on this host */
	OCF_ERR_UNIMPLEMENTED = 3,
	OCF_ERR_PERM = 4,
	OCF_ERR_INSTALLED = 5,
	OCF_ERR_CONFIGURED = 6, /* wrong everywhere: Pacemaker stops the whole clone, so never for what is seen at run time */
	OCF_NOT_RUNNING = 7,
	OCF_RUNNING_PROMOTED = 8,
	OCF_FAILED_PROMOTED = 9,
	OCF_DEGRADED = 190,
	OCF_DEGRADED_PROMOTED = 191,
};

struct error {
	enum ocf_code code;
	char sentence[768];
};

/* Fills err (which may be NULL) and returns -1, so that callers write `return error_set(...)`. The sentence is made one line: control
 * characters become blanks, and what is too long ends in "...". */
int error_set(struct error *err, enum ocf_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<fmt>: " in front of the sentence that is there; keeps the code; returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The code's name as documentation has it: "OCF_ERR_ARGS". */
const char *ocf_code_name(enum ocf_code code);

#endif
