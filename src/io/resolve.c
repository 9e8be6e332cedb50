#include "resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "io/clock.h"

/* getaddrinfo() cannot be bounded, so a thread of its own asks. Whoever comes last frees the question: a late answer finds nobody. */
struct question {
	char host[256];
	int answered; /* eventfd */
	int status;
	struct addrinfo *answer;
	atomic_int owners;
};

static void question_drop(struct question *question)
{
	if (atomic_fetch_sub(&question->owners, 1) > 1)
		return;
	if (question->answer)
		freeaddrinfo(question->answer);
	close(question->answered);
	free(question);
}

static void *ask(void *data)
{
	struct question *question = data;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	question->status = getaddrinfo(question->host, NULL, &hints, &question->answer);
	eventfd_write(question->answered, 1);
	question_drop(question);
	return NULL;
}

static bool ask_in_thread(struct question *question)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &attributes, ask, question);
	pthread_attr_destroy(&attributes);
	if (failed)
		question_drop(question);
	return !failed;
}

static int take_answer(const struct question *question, struct resolved ret[RESOLVE_ADDRESSES_MAX], struct error *err)
{
	int count = 0;

	if (question->status)
		return error_set(err, OCF_ERR_GENERIC, "the host name %s cannot be resolved: %s", question->host,
				 gai_strerror(question->status));
	for (struct addrinfo *a = question->answer; a && count < RESOLVE_ADDRESSES_MAX; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, ret[count].text, sizeof(ret[count].text), NULL, 0, NI_NUMERICHOST) == 0)
			count++;
	if (count == 0)
		return error_set(err, OCF_ERR_GENERIC, "the host name %s has no address", question->host);
	return count;
}

int resolve_host(const char *host, uint64_t deadline_ms, struct resolved ret[RESOLVE_ADDRESSES_MAX], struct error *err)
{
	struct question *question;
	unsigned char binary[16];
	struct pollfd poll_fd = {.events = POLLIN};
	uint64_t left;
	int result;

	if (inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1) {
		snprintf(ret[0].text, sizeof(ret[0].text), "%s", host);
		return 1;
	}
	question = mem_alloc(sizeof(*question));
	atomic_init(&question->owners, 2);
	snprintf(question->host, sizeof(question->host), "%s", host);
	question->answered = poll_fd.fd = eventfd(0, EFD_CLOEXEC);
	if (!ask_in_thread(question)) {
		question_drop(question);
		return error_set(err, OCF_ERR_GENERIC, "no thread to resolve the host name %s: use its address", host);
	}
	do
		left = clock_left_ms(deadline_ms);
	while (poll(&poll_fd, 1, left > 3600000 ? 3600000 : (int)left) < 1 && left > 0);
	if (poll_fd.revents & POLLIN)
		result = take_answer(question, ret, err);
	else
		result = error_set(err, OCF_ERR_GENERIC, "the host name %s was not resolved in time: use its address", host);
	question_drop(question);
	return result;
}
