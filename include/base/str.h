/* str.h - strings that are owned by one pointer, growing buffers, cleanup attributes. Out of memory aborts: no caller can do better. */
#ifndef SYSTOLE_BASE_STR_H
#define SYSTOLE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#define _cleanup_(f) __attribute__((cleanup(f), unused))
#define _cleanup_free_ _cleanup_(str_freep)
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

void *mem_alloc(size_t size);			    /* zeroed */
void *mem_grow(void *p, size_t count, size_t size); /* realloc of count * size, overflow checked */
char *str_dup(const char *s);			    /* NULL stays NULL */
char *str_ndup(const char *s, size_t n);
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void str_freep(void *p); /* for _cleanup_free_: frees *(char **)p */

bool str_equal(const char *a, const char *b); /* both NULL: equal */
bool str_starts(const char *s, const char *prefix);
bool str_empty(const char *s);			      /* NULL or "" */
bool str_in_list(const char *list, const char *word); /* a list of words with blanks between them; NULL: empty */
/* Replaces what *dst owns by a copy of s. */
void str_set(char **dst, const char *s);

struct strbuf {
	char *text; /* always terminated once something was added; NULL before */
	size_t length;
	size_t room;
};
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const char *s, size_t n);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *strbuf_take(struct strbuf *b); /* the caller owns the text ("" if nothing was added); the buffer is empty again */
void strbuf_clear(struct strbuf *b);
#define _cleanup_strbuf_ _cleanup_(strbuf_clear)

#endif
