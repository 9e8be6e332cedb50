#include "cluster_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "io/clock.h"

#define MESSAGE_MAX (16u << 20)

void message_clear(struct message *message)
{
	strbuf_clear(&message->strings);
}

void message_put(struct message *message, const char *text)
{
	strbuf_add(&message->strings, text != NULL ? "+" : "-");
	if (text != NULL)
		strbuf_add(&message->strings, text);
	strbuf_addn(&message->strings, "", 1);
}

bool message_get(struct message *message, const char **ret_text)
{
	const char *string = message->strings.text + message->read;

	if (message->read >= message->strings.length)
		return false;
	message->read += strlen(string) + 1;
	*ret_text = string[0] == '+' ? string + 1 : NULL;
	return true;
}

/* Milliseconds for poll(): -1 waits for ever. */
static int poll_timeout(uint64_t deadline_ms)
{
	uint64_t left;

	if (deadline_ms == FOREVER)
		return -1;
	left = clock_left_ms(deadline_ms);
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* 0, or -1 with errno: ETIMEDOUT at the deadline, EPIPE when the other side is gone. */
static int transfer(int fd, short direction, void *data, size_t length, uint64_t deadline_ms)
{
	char *at = data;

	while (length > 0) {
		struct pollfd poll_fd = {.fd = fd, .events = direction};
		int ready = poll(&poll_fd, 1, poll_timeout(deadline_ms));
		ssize_t moved;

		if (ready < 0 && errno != EINTR)
			return -1;
		if (ready == 0 && clock_left_ms(deadline_ms) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (ready <= 0)
			continue;
		if (direction == POLLIN)
			moved = recv(fd, at, length, MSG_DONTWAIT);
		else
			moved = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (moved == 0)
			errno = EPIPE;
		if (moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (moved > 0) {
			at += moved;
			length -= (size_t)moved;
		}
	}
	return 0;
}

int message_send(int fd, struct message *message, uint64_t deadline_ms)
{
	message->header.length = (uint32_t)message->strings.length;
	if (message->strings.length > MESSAGE_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (transfer(fd, POLLOUT, &message->header, sizeof(message->header), deadline_ms) < 0)
		return -1;
	return transfer(fd, POLLOUT, message->strings.text, message->strings.length, deadline_ms);
}

int message_receive(int fd, struct message *ret_message, uint64_t deadline_ms)
{
	_cleanup_free_ char *data = NULL;
	struct header header;

	if (transfer(fd, POLLIN, &header, sizeof(header), deadline_ms) < 0)
		return -1;
	if (header.length > MESSAGE_MAX) {
		errno = EBADMSG;
		return -1;
	}
	data = mem_alloc(header.length + 1);
	if (transfer(fd, POLLIN, data, header.length, deadline_ms) < 0)
		return -1;
	if (header.length > 0 && data[header.length - 1] != '\0') {
		errno = EBADMSG;
		return -1;
	}
	ret_message->header = header;
	strbuf_addn(&ret_message->strings, data, header.length);
	return 0;
}
