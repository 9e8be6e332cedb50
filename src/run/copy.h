/* copy.h - the parts of filling a node from a peer; provision() in provision.c puts them together. All of it runs in detached processes. */
#ifndef SYSTOLE_RUN_COPY_H
#define SYSTOLE_RUN_COPY_H

#include "run/run.h"
#include "run/server.h"

/* A copy may take as long as it takes: it ends when the donor or the server does. */
#define COPY_DEADLINE_MS (12ull * 3600 * 1000)

/* What the monitor shows. bytes: of the copy when it is complete, and counted while it comes in; 0: it is not counted. */
void copy_progress(const struct context *ctx, uint64_t bytes, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* aside.c: nothing is given away before there is something better. */
/* The binary logs that hold what is missing elsewhere are copied into the state directory; when it cannot be told, the newest two. */
int errant_set_aside(struct context *ctx, const char *missing, struct error *err);
/* Destructive: the data directory's contents go into DIRECTORY/TIME inside it (the same file system, so nothing is copied), and it is
 * empty then. directory: OWN_REPLACED, which is removed once the copy has proved itself, unless it is to be kept; or OWN_DAMAGED, which is
 * never removed by us, for nobody has seen what is in it. Nothing is removed; the server must be down, which the lock proves. */
int datadir_set_aside(struct context *ctx, const char *directory, struct error *err);
/* Where an interrupted call was moving it; OWN_DAMAGED when there was none. */
const char *aside_begun(const struct context *ctx);
/* Moves the entries of a directory of the same file system, but those that begin with a dot; goes on where an earlier call was ended. */
int entries_move(const char *from, const char *to, struct error *err);
/* Down, whatever it takes. */
int server_down(struct context *ctx, struct error *err);

/* What .systole-filling says of the data directory that it stands in. */
#define FILLING_LEAVING "leaving " /* and where to: OWN_REPLACED or OWN_DAMAGED; the data is being moved there */
#define FILLING_HALF "half\n"	   /* statements are being loaded into it */
#define FILLING_WHOLE "whole\n"	   /* a complete copy stands beside, and is to be put in place */
#define FILLING_PLACED "placed\n"  /* it is in place, and the server does not know yet where it was taken */

/* dump.c: as statements; works wherever the client programs are. */
int dump_from(struct context *ctx, bool empty, const struct peer_facts *donor, struct error *err);
/* An option file for a client program: the text `first`, then an account. The caller wipes and frees. */
char *option_file(const char *first, const char *user, const char *password);

/* files.c: the files themselves, as the donor's backup program reads them. */
bool files_possible(const struct context *ctx); /* the programs are there */
int files_from(struct context *ctx, const struct peer_facts *donor, uint64_t bytes, struct error *err);
uint64_t copy_counted(const struct context *ctx); /* bytes that have come in so far */

/* What both sides of a copy of files have to agree upon. Texts are owned. */
struct copy_programs {
	enum gtid_flavour flavour; /* whose files it knows */
	const char *backup, *extract;
};
/* NULL, with the reason: one of them is missing. */
const struct copy_programs *copy_programs_find(enum gtid_flavour flavour, struct error *err);
#define CHANNEL_PROGRAM SYSTOLE_MODULEDIR "/channel"
/* Certificate and key of this copy, as a secret for the channel, and its fingerprint. The caller frees. */
int channel_identity(char **ret_identity, char **ret_fingerprint, struct error *err);
/* Private attributes of both sides: a list of fields. */
char *copy_attr_name(const struct context *ctx, const char *side);
#define COPY_SIDE_RECIPIENT "copy"
#define COPY_SIDE_DONOR "donor"
#define COPY_SIDE_WISH "fill" /* transient: an operator's */
/* The words of a sentence, for the value of a field. The caller frees. */
char *copy_field(const char *sentence);

#endif
