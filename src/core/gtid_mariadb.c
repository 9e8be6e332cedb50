#include <stdlib.h>
#include <string.h>

#include "gtid_private.h"

static int end_order(const void *a, const void *b)
{
	const struct gtid_end *x = a, *y = b;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	return (x->server > y->server) - (x->server < y->server);
}

/* Sorts the ends and keeps the furthest of each domain and server. */
static void ends_normalise(struct gtid_set *set)
{
	size_t kept = 0;

	qsort(set->ends, set->count, sizeof(*set->ends), end_order);
	for (size_t i = 0; i < set->count; i++) {
		const struct gtid_end *end = &set->ends[i];
		struct gtid_end *last = kept ? &set->ends[kept - 1] : NULL;

		if (!last || end_order(last, end) != 0)
			set->ends[kept++] = *end;
		else if (end->sequence > last->sequence)
			last->sequence = end->sequence;
	}
	set->count = kept;
}

static bool dash_read(const char **text)
{
	if (**text != '-')
		return false;
	++*text;
	return true;
}

static bool end_read(const char **text, struct gtid_end *end)
{
	uint64_t domain, server;

	if (!gtid_number_read(text, UINT32_MAX, &domain) || !dash_read(text))
		return false;
	if (!gtid_number_read(text, UINT32_MAX, &server) || !dash_read(text))
		return false;
	if (!gtid_number_read(text, UINT64_MAX, &end->sequence))
		return false;
	end->domain = (uint32_t)domain;
	end->server = (uint32_t)server;
	return true;
}

static bool mariadb_parse(struct gtid_set *set, const char *text)
{
	struct gtid_end end;
	size_t room = 0;
	bool more = true;

	gtid_blanks_skip(&text);
	if (!*text)
		return true;
	while (more) {
		if (!end_read(&text, &end) || !gtid_separator_read(&text, &more))
			return false;
		if (end.sequence == 0) /* the server takes "0-1-0" as a position: before the first transaction */
			continue;
		if (set->count == room) {
			room = room ? room * 2 : 8;
			set->ends = mem_grow(set->ends, room, sizeof(*set->ends));
		}
		set->ends[set->count++] = end;
	}
	if (set->count > 0)
		ends_normalise(set);
	return true;
}

static void mariadb_add(struct gtid_set *set, const struct gtid_set *other)
{
	set->ends = mem_grow(set->ends, set->count + other->count, sizeof(*set->ends));
	memcpy(set->ends + set->count, other->ends, other->count * sizeof(*other->ends));
	set->count += other->count;
	ends_normalise(set);
}

static bool end_held(const struct gtid_set *set, const struct gtid_end *end)
{
	const struct gtid_end *own = NULL;

	if (set->count > 0)
		own = bsearch(end, set->ends, set->count, sizeof(*set->ends), end_order);
	return own && own->sequence >= end->sequence;
}

/* The ends of one domain in a set, and the number of its last transaction. In a chain one end has that number; a union of two that
 * diverged may have several, and then all of them count. */
struct domain {
	size_t from, to; /* set->ends[from] up to, not including, set->ends[to] */
	uint64_t last;
};

/* Moves on to the next domain; the first call gets a zeroed one. */
static bool domain_next(const struct gtid_set *set, struct domain *domain)
{
	if (domain->to == set->count)
		return false;
	domain->from = domain->to;
	domain->last = 0;
	for (; domain->to < set->count && set->ends[domain->to].domain == set->ends[domain->from].domain; domain->to++) {
		if (set->ends[domain->to].sequence > domain->last)
			domain->last = set->ends[domain->to].sequence;
	}
	return true;
}

static void end_format(const struct gtid_end *end, struct strbuf *text)
{
	strbuf_addf(text, "%s%u-%u-%llu", text->length ? "," : "", end->domain, end->server, (unsigned long long)end->sequence);
}

static bool mariadb_contains(const struct gtid_set *whole, const struct gtid_set *part)
{
	struct domain domain = {0};

	while (domain_next(part, &domain)) {
		for (size_t i = domain.from; i < domain.to; i++) {
			if (part->ends[i].sequence == domain.last && !end_held(whole, &part->ends[i]))
				return false;
		}
	}
	return true;
}

static void mariadb_missing(const struct gtid_set *a, const struct gtid_set *b, struct strbuf *text)
{
	struct domain domain = {0};

	while (domain_next(a, &domain)) {
		for (size_t i = domain.from; i < domain.to; i++) {
			if (a->ends[i].sequence == domain.last && !end_held(b, &a->ends[i]))
				end_format(&a->ends[i], text);
		}
	}
}

static void mariadb_format(const struct gtid_set *set, struct strbuf *text)
{
	for (size_t i = 0; i < set->count; i++)
		end_format(&set->ends[i], text);
}

static bool mariadb_position(const struct gtid_set *set, struct strbuf *text)
{
	struct domain domain = {0};

	while (domain_next(set, &domain)) {
		bool found = false;

		for (size_t i = domain.from; i < domain.to; i++) {
			if (set->ends[i].sequence != domain.last)
				continue;
			if (found)
				return false;
			found = true;
			end_format(&set->ends[i], text);
		}
	}
	return true;
}

const struct gtid_algebra gtid_mariadb_algebra = {
    .flavour = GTID_FLAVOUR_MARIADB,
    .parse = mariadb_parse,
    .add = mariadb_add,
    .contains = mariadb_contains,
    .missing = mariadb_missing,
    .format = mariadb_format,
    .position = mariadb_position,
};
