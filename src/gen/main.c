/* systole-gen WHAT - prints what is made from the tables when the project is built: xml, c (the XML as a C string) or man. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/metadata.h"

static void print_c(const char *text)
{
	printf("/* Generated from the parameter table. */\n#include \"core/metadata.h\"\n\nconst char metadata_text[] =\n\t\"");
	for (; *text; text++) {
		if (*text == '\n')
			printf("\\n\"\n\t\"");
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
	printf("\";\n");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	_cleanup_free_ char *text = strcmp(what, "man") == 0 ? metadata_man() : metadata_xml();
	if (strcmp(what, "c") == 0)
		print_c(text);
	else if (strcmp(what, "xml") == 0 || strcmp(what, "man") == 0)
		fputs(text, stdout);
	else
		return 2;
	return 0;
}
