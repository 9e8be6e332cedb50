#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *mem_grow(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		abort();
	return p;
}

char *str_dup(const char *s)
{
	return s ? str_ndup(s, strlen(s)) : NULL;
}

char *str_ndup(const char *s, size_t n)
{
	size_t length = strnlen(s, n);
	char *copy = mem_alloc(length + 1);

	memcpy(copy, s, length);
	return copy;
}

char *str_printf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, fmt);
	length = vasprintf(&text, fmt, args);
	va_end(args);
	if (length < 0)
		abort();
	return text;
}

void str_freep(void *p)
{
	char **owner = p;

	free(*owner);
	*owner = NULL;
}

bool str_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_empty(const char *s)
{
	return !s || !*s;
}

bool str_in_list(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; at && *at;) {
		at += strspn(at, " ");
		size_t n = strcspn(at, " ");
		if (n == length && strncmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

void str_set(char **dst, const char *s)
{
	char *copy = str_dup(s); /* first: s may be part of what *dst owns */

	free(*dst);
	*dst = copy;
}

static void strbuf_reserve(struct strbuf *b, size_t more)
{
	size_t needed;

	if (__builtin_add_overflow(b->length, more, &needed) || __builtin_add_overflow(needed, 1, &needed))
		abort();
	if (needed <= b->room)
		return;
	if (needed < SIZE_MAX / 2)
		needed *= 2;
	b->text = mem_grow(b->text, needed, 1);
	b->room = needed;
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_addn(struct strbuf *b, const char *s, size_t n)
{
	strbuf_reserve(b, n);
	memcpy(b->text + b->length, s, n);
	b->length += n;
	b->text[b->length] = '\0';
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (length < 0)
		abort();
	strbuf_reserve(b, (size_t)length);
	va_start(args, fmt);
	vsnprintf(b->text + b->length, (size_t)length + 1, fmt, args);
	va_end(args);
	b->length += (size_t)length;
}

char *strbuf_take(struct strbuf *b)
{
	char *text = b->text ? b->text : str_dup("");

	*b = (struct strbuf){0};
	return text;
}

void strbuf_clear(struct strbuf *b)
{
	free(b->text);
	*b = (struct strbuf){0};
}
