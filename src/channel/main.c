/* channel - carries the copy of a data directory from one node to another: TLS 1.3 between two programs that know each other's certificate
 * by its fingerprint, which Corosync has carried. It reads and writes nothing but its standard input and output and the two files that it is
 * given. What it carries is complete only when the sender says so at its end, and it never looks into it.
 *
 *   channel identity                                        prints a fingerprint, and a certificate and key that live for this one copy
 *   channel send IDENTITY PEER SECONDS RATE ADDRESS PORT    standard input goes to the receiver; RATE: MiB/s, 0 for as fast as it goes
 *   channel receive IDENTITY PEER SECONDS COUNT PORT        what the sender sends goes to standard output; COUNT: a file that has the bytes so far
 *
 * IDENTITY: a file with what the first one printed. PEER: the other's fingerprint. SECONDS: how long the other may take to be there. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"

enum {
	CHUNK = 64 * 1024,
	HANDSHAKE_MS = 5000,
	PRINT_BYTES = 32, /* SHA-256 */
	PRINT_TEXT = 2 * PRINT_BYTES + 1,
};
#define THANKS "k"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"

struct channel {
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	int socket;
};

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int complain(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

static void print_text(const uint8_t *bytes, char ret_text[static PRINT_TEXT])
{
	for (size_t i = 0; i < PRINT_BYTES; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

/* A certificate of its own key. Its names and dates mean nothing: it is known by its fingerprint. */
static int certificate_make(gnutls_x509_privkey_t key, gnutls_x509_crt_t certificate)
{
	static const uint8_t serial[] = {1};
	time_t now = time(NULL);
	int rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc < 0 || (rc = gnutls_x509_crt_set_version(certificate, 3)) < 0 ||
	    (rc = gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial))) < 0 ||
	    (rc = gnutls_x509_crt_set_activation_time(certificate, now - 86400)) < 0 ||
	    (rc = gnutls_x509_crt_set_expiration_time(certificate, now + 7 * 86400)) < 0 ||
	    (rc = gnutls_x509_crt_set_key(certificate, key)) < 0)
		return rc;
	return gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

static int identity_print(gnutls_x509_privkey_t key, gnutls_x509_crt_t certificate)
{
	gnutls_datum_t text = {0}, secret = {0};
	uint8_t print[PRINT_BYTES];
	size_t size = sizeof(print);
	char shown[PRINT_TEXT];
	int rc = certificate_make(key, certificate);
	if (rc < 0 || (rc = gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, print, &size)) < 0 ||
	    (rc = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text)) < 0 ||
	    (rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &secret)) < 0)
		return rc;
	print_text(print, shown);
	printf("%s\n%.*s%.*s", shown, (int)text.size, text.data, (int)secret.size, secret.data);
	gnutls_memset(secret.data, 0, secret.size);
	gnutls_free(secret.data);
	gnutls_free(text.data);
	return fflush(stdout) ? GNUTLS_E_PUSH_ERROR : 0;
}

static int identity(char **args)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	(void)args;
	if (gnutls_x509_privkey_init(&key) < 0 || gnutls_x509_crt_init(&certificate) < 0)
		return complain("no memory for a key");
	int rc = identity_print(key, certificate);
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_privkey_deinit(key);
	return rc < 0 ? complain("a certificate cannot be made: %s", gnutls_strerror(rc)) : 0;
}

static int identity_read(struct channel *channel, const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct error err;
	int rc;
	if (file_read(path, 65536, &text, &err) || !text)
		return complain("no identity: %s", text ? err.sentence : path);
	gnutls_datum_t pem = {(unsigned char *)text, (unsigned int)strlen(text)};
	if ((rc = gnutls_certificate_allocate_credentials(&channel->credentials)) < 0)
		return complain("%s", gnutls_strerror(rc));
	rc = gnutls_certificate_set_x509_key_mem(channel->credentials, &pem, &pem, GNUTLS_X509_FMT_PEM);
	explicit_bzero(text, strlen(text));
	return rc < 0 ? complain("%s is no identity: %s", path, gnutls_strerror(rc)) : 0;
}

static void session_end(struct channel *channel)
{
	if (channel->session)
		gnutls_deinit(channel->session);
	if (channel->socket >= 0)
		close(channel->socket);
	channel->session = NULL;
	channel->socket = -1;
}

static void channel_clear(struct channel *channel)
{
	session_end(channel);
	if (channel->credentials)
		gnutls_certificate_free_credentials(channel->credentials);
}

/* A machine that has lost its power says nothing: twenty seconds without an answer are the end. */
static void socket_watch(int fd)
{
	const int yes = 1, idle_s = 5, every_s = 5, count = 3, unanswered_ms = 20000;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(unanswered_ms));
}

/* True only for the one certificate that was named. */
static bool peer_is(gnutls_session_t session, const char *wanted)
{
	unsigned int count = 0;
	uint8_t print[PRINT_BYTES];
	size_t size = sizeof(print);
	char shown[PRINT_TEXT];
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	if (!chain || count != 1 || gnutls_fingerprint(GNUTLS_DIG_SHA256, &chain[0], print, &size) < 0 || size != sizeof(print))
		return false;
	print_text(print, shown);
	return strcmp(shown, wanted) == 0;
}

/* On the connected socket. Nothing is sent or taken before the other has proved who it is. */
static int session_begin(struct channel *channel, unsigned int side, const char *peer)
{
	int rc = gnutls_init(&channel->session, side);
	if (rc < 0)
		return complain("%s", gnutls_strerror(rc));
	if ((rc = gnutls_priority_set_direct(channel->session, PRIORITY, NULL)) < 0 ||
	    (rc = gnutls_credentials_set(channel->session, GNUTLS_CRD_CERTIFICATE, channel->credentials)) < 0)
		return complain("%s", gnutls_strerror(rc));
	if (side & GNUTLS_SERVER)
		gnutls_certificate_server_set_request(channel->session, GNUTLS_CERT_REQUIRE);
	socket_watch(channel->socket);
	gnutls_transport_set_int(channel->session, channel->socket);
	gnutls_handshake_set_timeout(channel->session, HANDSHAKE_MS);
	do
		rc = gnutls_handshake(channel->session);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc < 0)
		return complain("no TLS with the other side: %s", gnutls_strerror(rc));
	return peer_is(channel->session, peer) ? 0 : complain("the other side has another certificate than the one that was announced");
}

static int listen_on(const char *port)
{
	const int yes = 1, no = 0;
	uint64_t number;
	if (!parse_u64(port, 1, 65535, &number))
		return complain("'%s' is no port", port);
	const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number), .sin6_addr = in6addr_any};
	const struct sockaddr_in older = {.sin_family = AF_INET, .sin_port = address.sin6_port};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool six = fd >= 0;
	if (!six)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain("no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	const struct sockaddr *any = six ? (const struct sockaddr *)&address : (const struct sockaddr *)&older;
	if (bind(fd, any, six ? sizeof(address) : sizeof(older)) || listen(fd, 8)) {
		int number_of = errno;
		close(fd);
		return complain("port %s cannot be listened on: %s", port, strerror(number_of));
	}
	return fd;
}

/* Whoever is not the one that was announced is turned away, and the next one heard. */
static int accept_peer(struct channel *channel, int listener, const char *peer, uint64_t deadline_ms)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
		uint64_t left = clock_left_ms(deadline_ms);
		if (left == 0)
			return complain("the sender did not come");
		if (poll(&poll_fd, 1, left > 60000 ? 60000 : (int)left) <= 0)
			continue;
		channel->socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (channel->socket >= 0 && session_begin(channel, GNUTLS_SERVER, peer) == 0)
			return 0;
		session_end(channel);
	}
}

static int connect_once(struct channel *channel, const struct addrinfo *addresses)
{
	for (const struct addrinfo *a = addresses; a; a = a->ai_next) {
		const struct timeval limit = {.tv_sec = 5};
		channel->socket = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (channel->socket < 0)
			continue;
		setsockopt(channel->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* connect() is bounded by it */
		if (connect(channel->socket, a->ai_addr, a->ai_addrlen) == 0) {
			const struct timeval none = {0};
			setsockopt(channel->socket, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
			return 0;
		}
		close(channel->socket);
		channel->socket = -1;
	}
	return -1;
}

/* The receiver may not listen yet, and its port may still be somebody else's for a moment. */
static int connect_peer(struct channel *channel, char **address, const char *peer, uint64_t deadline_ms)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	int rc = getaddrinfo(address[0], address[1], &wanted, &addresses);
	if (rc)
		return complain("%s: %s", address[0], gai_strerror(rc));
	for (rc = -1; rc; clock_pause_ms(100)) {
		if (connect_once(channel, addresses) == 0)
			rc = session_begin(channel, GNUTLS_CLIENT, peer);
		if (rc == 0 || clock_left_ms(deadline_ms) == 0)
			break;
		session_end(channel);
	}
	freeaddrinfo(addresses);
	return rc ? complain("%s port %s does not take the copy", address[0], address[1]) : 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain("what was received cannot be written: %s", strerror(errno));
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static void count_write(const char *path, uint64_t count)
{
	char text[24];
	struct error ignored;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
	(void)file_write(path, text, 0600, &ignored);
}

static int say_end(struct channel *channel)
{
	int rc;
	do
		rc = gnutls_bye(channel->session, GNUTLS_SHUT_WR);
	while (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED);
	return rc < 0 ? complain("the end could not be sent: %s", gnutls_strerror(rc)) : 0;
}

static int give_all(struct channel *channel, const char *chunk, size_t size)
{
	while (size > 0) {
		ssize_t n = gnutls_record_send(channel->session, chunk, size);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n < 0)
			return complain("the other side is gone: %s", gnutls_strerror((int)n));
		chunk += n;
		size -= (size_t)n;
	}
	return 0;
}

static int take(struct channel *channel, const char *count_path)
{
	static char chunk[CHUNK];
	uint64_t count = 0, shown_ms = clock_now_ms();
	ssize_t n;
	while ((n = gnutls_record_recv(channel->session, chunk, sizeof(chunk))) != 0) {
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n < 0)
			return complain("the copy broke off after %llu bytes: %s", (unsigned long long)count, gnutls_strerror((int)n));
		if (write_all(STDOUT_FILENO, chunk, (size_t)n))
			return -1;
		count += (uint64_t)n;
		if (clock_now_ms() - shown_ms >= 500) {
			shown_ms = clock_now_ms();
			count_write(count_path, count);
		}
	}
	count_write(count_path, count);
	return give_all(channel, THANKS, 1) ? -1 : say_end(channel);
}

/* One that has turned us away closes without a word, and may do so after all was sent. */
static int hear_thanks(struct channel *channel)
{
	char said = 0;
	ssize_t n;
	do
		n = gnutls_record_recv(channel->session, &said, 1);
	while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	return n == 1 && said == *THANKS ? 0 : complain("the receiver did not say that it has everything");
}

static int give(struct channel *channel, uint64_t rate)
{
	static char chunk[CHUNK];
	uint64_t count = 0, since_ms = clock_now_ms();
	for (;;) {
		ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain("what is to be sent cannot be read: %s", strerror(errno));
		if (n == 0)
			break;
		if (give_all(channel, chunk, (size_t)n))
			return -1;
		count += (uint64_t)n;
		uint64_t due_ms = rate ? count * 1000 / (rate << 20) : 0, spent_ms = clock_now_ms() - since_ms;
		if (due_ms > spent_ms)
			clock_pause_ms(due_ms - spent_ms);
	}
	return say_end(channel) ? -1 : hear_thanks(channel);
}

static int deadline_read(const char *seconds, uint64_t *ret_deadline_ms)
{
	uint64_t number;
	if (!parse_u64(seconds, 1, 86400, &number))
		return complain("'%s' is no number of seconds", seconds);
	*ret_deadline_ms = clock_now_ms() + number * 1000;
	return 0;
}

static int send_copy(char **args)
{
	_cleanup_(channel_clear) struct channel channel = {.socket = -1};
	uint64_t deadline_ms = 0, rate;
	if (!parse_u64(args[3], 0, 1 << 20, &rate))
		return complain("'%s' is no rate", args[3]);
	if (deadline_read(args[2], &deadline_ms) || identity_read(&channel, args[0]) ||
	    connect_peer(&channel, args + 4, args[1], deadline_ms))
		return -1;
	return give(&channel, rate);
}

static int receive_copy(char **args)
{
	_cleanup_(channel_clear) struct channel channel = {.socket = -1};
	uint64_t deadline_ms = 0;
	if (deadline_read(args[2], &deadline_ms) || identity_read(&channel, args[0]))
		return -1;
	int listener = listen_on(args[4]);
	if (listener < 0 || accept_peer(&channel, listener, args[1], deadline_ms))
		return -1;
	close(listener);
	return take(&channel, args[3]);
}

static const struct {
	const char *name;
	int (*run)(char **args);
	int count;
} verbs[] = {
    {"identity", identity, 0},
    {"send", send_copy, 6},
    {"receive", receive_copy, 5},
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0 && argc == verbs[i].count + 2)
			return verbs[i].run(argv + 2) ? 1 : 0;
	fputs("channel is a part of the resource agent ocf:systole:mysql, which starts it\n", stderr);
	return 2;
}
