/* metadata.h - the agent's description of itself: OCF 1.1 metadata and the manual page, made from the parameter table when it is built. */
#ifndef SYSTOLE_CORE_METADATA_H
#define SYSTOLE_CORE_METADATA_H

#include <stddef.h>

struct action_row {
	const char *name;
	const char *role; /* "Promoted", "Unpromoted" or NULL */
	const char *timeout;
	const char *interval; /* NULL: not recurring */
	const char *meaning;
};
extern const struct action_row action_rows[];
extern const size_t action_row_count;

/* Each returns text that the caller frees. */
char *metadata_xml(void);
char *metadata_man(void);

/* The XML as it was generated for this build. */
extern const char metadata_text[];

#endif
