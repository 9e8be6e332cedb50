/* files.h - small files of our own, written so that a power cut leaves the old or the new one, and looks at paths. */
#ifndef SYSTOLE_IO_FILES_H
#define SYSTOLE_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum presence {
	PRESENCE_UNKNOWN = 0, /* could not be looked at */
	PRESENCE_YES,
	PRESENCE_NO,
};

/* Writes a temporary file beside it, fsync, rename, fsync of the directory. Mode as given, owner root. */
int file_write_durably(const char *path, const char *text, mode_t mode, struct error *err);
/* As above without the fsyncs: for /run. */
int file_write(const char *path, const char *text, mode_t mode, struct error *err);
/* The whole file if it is a regular file of at most max bytes without NUL bytes; *ret NULL when it does not exist. */
int file_read(const char *path, size_t max, char **ret_text, struct error *err);
/* As file_read, but refuses (OCF_ERR_PERM, with the command that mends it) unless owned by root and closed to group and others. */
int file_read_secret(const char *path, size_t max, char **ret_text, struct error *err);
/* Renames it. False also when it is not there: of several processes that try it at once, one succeeds. */
bool file_claim(const char *path, const char *claimed);
/* Since it was last written, by the wall clock; 0 for a clock that was set back. False: it cannot be told. */
bool file_age_ms(const char *path, uint64_t *ret_age_ms);
bool file_size(const char *path, uint64_t *ret_bytes); /* as above */
/* The whole of a regular file that nobody cuts short meanwhile; unmapped by the caller. bytes NULL: it is empty. */
struct file_map {
	const uint8_t *bytes;
	size_t size;
};
int file_map(const char *path, struct file_map *ret, struct error *err);
void file_unmap(struct file_map *map);
/* Text that changes whenever the file is replaced or written to; the caller frees. */
char *file_state(const char *path);
/* A new file, for root only, of these bytes, one after the other; on its disk with its directory's entry when this returns. */
int file_save(const char *path, const struct file_map *parts, size_t count, struct error *err);
/* Destructive: nothing of the file is left behind its first `length` bytes; on its disk when this returns. */
int file_cut(const char *path, uint64_t length, struct error *err);
/* Destructive: an entry of this directory with all that is in it; at most 16 levels deep, links are removed and not followed. */
int tree_remove(const char *dir, const char *name, struct error *err);
int file_remove(const char *path, struct error *err); /* not there: fine */

/* Everything that was written to the file system of this directory is on its disk afterwards. */
int dir_sync_all(const char *path, struct error *err);
/* mkdir -p with this mode and owner for what is created; existing directories are left as they are. */
int dir_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err);
/* NO: it has entries beside those beginning with a dot and lost+found. UNKNOWN: not there, or not readable. */
enum presence dir_is_empty(const char *path);
/* A symbolic link to nowhere is UNKNOWN: its storage may not be mounted. */
enum presence path_exists(const char *path);
/* The same file or directory (device and inode)? UNKNOWN when one of them is not there. */
enum presence path_same(const char *a, const char *b);
/* uid and gid of a path's owner. */
int path_owner(const char *path, uid_t *ret_uid, gid_t *ret_gid, struct error *err);
int account_ids(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct error *err); /* OCF_ERR_INSTALLED */

#endif
