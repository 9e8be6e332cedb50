# SYSTOLE_ADD_FLAGS(VARIABLE, FLAGS...): appends to VARIABLE each flag that the compiler takes without a word.
AC_DEFUN([SYSTOLE_ADD_FLAGS], [
	m4_foreach_w([flag], [$2], [
		AC_MSG_CHECKING([whether $CC takes flag])
		systole_saved_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[return (int)strlen("")]])],
			[AC_MSG_RESULT([yes]); $1="$$1 flag"], [AC_MSG_RESULT([no])])
		CFLAGS=$systole_saved_cflags
	])
])

# SYSTOLE_DEFINE_DIR(NAME, DIRECTORY, DESCRIPTION): a directory with its ${prefix} and so on resolved, as a string in config.h.
AC_DEFUN([SYSTOLE_DEFINE_DIR], [
	systole_saved_prefix=$prefix
	systole_saved_exec_prefix=$exec_prefix
	test "x$prefix" != xNONE || prefix=$ac_default_prefix
	test "x$exec_prefix" != xNONE || exec_prefix=$prefix
	eval "systole_dir=\"$2\""
	eval "systole_dir=\"$systole_dir\""
	prefix=$systole_saved_prefix
	exec_prefix=$systole_saved_exec_prefix
	AC_DEFINE_UNQUOTED([$1], ["$systole_dir"], [$3])
])
