/* What the agent and its speaker say to each other over a socket. Private to src/io/cluster*.c. */
#ifndef SYSTOLE_IO_CLUSTER_WIRE_H
#define SYSTOLE_IO_CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

enum operation {
	OPERATION_ATTR_QUERY,
	OPERATION_ATTR_PERMANENT,
	OPERATION_ATTR_LOCAL,
	OPERATION_ATTR_SET,
	OPERATION_ATTR_MEND,
	OPERATION_NODES,
	OPERATION_PROPERTY_GET,
	OPERATION_PROPERTY_PUT,
	OPERATION_QUORUM,
};
#define OPERATION_COUNT (OPERATION_QUORUM + 1)

/* A message is this header and a list of strings, each "+text" or "-" for none, each with its NUL. */
struct header {
	uint32_t length; /* of the strings */
	int32_t verb;	 /* request: enum operation; reply: 0 or -1 */
	int32_t detail;	 /* request: enum attr_kind; reply: enum ocf_code, or enum quorum */
};

struct message {
	struct header header;
	struct strbuf strings;
	size_t read; /* how much of the strings was read */
};

void message_clear(struct message *message);
#define _cleanup_message_ _cleanup_(message_clear)

/* NULL is a value of its own. */
void message_put(struct message *message, const char *text);
/* False at the end. The text is the message's own. */
bool message_get(struct message *message, const char **ret_text);

#define FOREVER UINT64_MAX
/* 0, or -1 with errno: ETIMEDOUT at the deadline, EPIPE when the other side is gone, EBADMSG, EMSGSIZE. */
int message_send(int fd, struct message *message, uint64_t deadline_ms);
int message_receive(int fd, struct message *ret_message, uint64_t deadline_ms);

/* In a child that was just forked: becomes the speaker, which answers over fd until the agent closes its end. Does not return. */
_Noreturn void speaker_run(int fd, pid_t agent);

#endif
