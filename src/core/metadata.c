#include "core/metadata.h"

#include <ctype.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config.h"
#include "core/config.h"

#define SHORTDESC "MySQL and MariaDB, highly available"
#define LONGDESC                                                                                                                         \
	"Runs MySQL 5.7 to 9.x or MariaDB 10.5 to 11.x as a promotable clone: one primary, the others replicas by GTID and lossless "    \
	"semi-synchronous replication. No acknowledged write is lost when the primary dies: a node is promoted only after enough nodes " \
	"have reported what they hold, and only with everything that any of them holds. A node that comes back follows the primary by "  \
	"itself; an empty or diverged one is filled from it. The clone needs notify=true, and the cluster needs fencing."

const struct action_row action_rows[] = {
    {"start", NULL, "120s", NULL, "starts the server as a read-only replica; initialises and fills an empty data directory"},
    {"stop", NULL, "120s", NULL, "ends the server: cleanly, and if that takes too long by force"},
    {"monitor", "Promoted", "20s", "5s", "looks at the primary: role, health, who acknowledges"},
    {"monitor", "Unpromoted", "20s", "10s", "looks at a replica: health, replication, lag"},
    {"promote", NULL, "60s", NULL, "opens the server for writes, after everything has been checked again"},
    {"demote", NULL, "60s", NULL, "closes the server for writes and cuts the sessions of clients that have something under way"},
    {"notify", NULL, "60s", NULL, "runs the election before a promotion, and follows the new primary after it"},
    {"validate-all", NULL, "20s", NULL, "checks the parameters; with OCF_CHECK_LEVEL=10 also this host"},
    {"reload-agent", NULL, "20s", NULL, "takes over changed parameters without touching the server"},
    {"meta-data", NULL, "5s", NULL, "prints this description"},
};
const size_t action_row_count = ARRAY_LENGTH(action_rows);

/* ocf-tester's DTD is older than OCF 1.1: the internal subset adds what it lacks. */
static const char prolog[] = "<?xml version=\"1.0\"?>\n"
			     "<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\" [\n"
			     "<!ATTLIST action name CDATA #REQUIRED>\n"
			     "<!ATTLIST parameter unique-group CDATA #IMPLIED>\n"
			     "<!ATTLIST parameter reloadable CDATA #IMPLIED>\n"
			     "]>\n";

static const char *type_name(enum param_type type)
{
	switch (type) {
	case PARAM_PORT:
	case PARAM_NUMBER:
		return "integer";
	case PARAM_BOOL:
		return "boolean";
	case PARAM_STRING:
	case PARAM_PATH:
	case PARAM_DURATION:
	case PARAM_CHOICE:
	case PARAM_SYSVARS:
	case PARAM_SIZE:
	case PARAM_HOSTS:
	case PARAM_HOST:
		break;
	}
	return "string";
}

static void attribute(xmlTextWriterPtr w, const char *name, const char *value)
{
	xmlTextWriterWriteAttribute(w, BAD_CAST name, BAD_CAST value);
}

static void description(xmlTextWriterPtr w, const char *element, const char *text)
{
	xmlTextWriterStartElement(w, BAD_CAST element);
	attribute(w, "lang", "en");
	xmlTextWriterWriteString(w, BAD_CAST text);
	xmlTextWriterEndElement(w);
}

static void parameter(xmlTextWriterPtr w, const struct param *param)
{
	xmlTextWriterStartElement(w, BAD_CAST "parameter");
	attribute(w, "name", param->name);
	attribute(w, "required", "0");
	attribute(w, "unique", param->unique ? "1" : "0");
	if (param->unique)
		attribute(w, "unique-group", param->name);
	attribute(w, "reloadable", param->reloadable ? "1" : "0");
	description(w, "longdesc", param->longdesc);
	description(w, "shortdesc", param->shortdesc);
	xmlTextWriterStartElement(w, BAD_CAST "content");
	attribute(w, "type", type_name(param->type));
	attribute(w, "default", param->fallback);
	xmlTextWriterEndElement(w);
	xmlTextWriterEndElement(w);
}

static void action(xmlTextWriterPtr w, const struct action_row *row)
{
	xmlTextWriterStartElement(w, BAD_CAST "action");
	attribute(w, "name", row->name);
	if (row->role)
		attribute(w, "role", row->role);
	attribute(w, "timeout", row->timeout);
	if (row->interval) {
		attribute(w, "depth", "0");
		attribute(w, "interval", row->interval);
	}
	xmlTextWriterEndElement(w);
}

char *metadata_xml(void)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	xmlTextWriterPtr w = xmlNewTextWriterMemory(buffer, 0);
	xmlTextWriterSetIndent(w, 1);
	xmlTextWriterStartElement(w, BAD_CAST "resource-agent");
	attribute(w, "name", "mysql");
	attribute(w, "version", PACKAGE_VERSION);
	xmlTextWriterWriteElement(w, BAD_CAST "version", BAD_CAST "1.1");
	description(w, "longdesc", LONGDESC);
	description(w, "shortdesc", SHORTDESC);
	xmlTextWriterStartElement(w, BAD_CAST "parameters");
	for (size_t i = 0; i < param_count; i++)
		parameter(w, &param_table[i]);
	xmlTextWriterEndElement(w);
	xmlTextWriterStartElement(w, BAD_CAST "actions");
	for (size_t i = 0; i < action_row_count; i++)
		action(w, &action_rows[i]);
	xmlTextWriterEndElement(w);
	xmlTextWriterEndElement(w);
	xmlFreeTextWriter(w);
	char *text = str_printf("%s%s", prolog, (const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

/* Text for roff: a line must not begin with a dot or a quote, backslashes and hyphens are literal. */
static void roff(struct strbuf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		strbuf_add(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			strbuf_add(out, "\\e");
		else if (*text == '-')
			strbuf_add(out, "\\-");
		else
			strbuf_addn(out, text, 1);
	}
}

static void man_parameters(struct strbuf *out)
{
	strbuf_add(out, ".SH PARAMETERS\n");
	for (size_t i = 0; i < param_count; i++) {
		const struct param *param = &param_table[i];
		strbuf_addf(out, ".TP\n\\fB%s\\fR", param->name);
		strbuf_add(out, " (default: ");
		roff(out, *param->fallback ? param->fallback : "none");
		strbuf_addf(out, "%s)\n", param->reloadable ? "; changed without a restart" : "");
		roff(out, param->longdesc);
		strbuf_add(out, "\n");
		if (param->type == PARAM_CHOICE) {
			strbuf_add(out, ".br\nOne of: ");
			roff(out, param->choices);
			strbuf_add(out, "\n");
		}
	}
}

static void man_actions(struct strbuf *out)
{
	strbuf_add(out, ".SH ACTIONS\n");
	for (size_t i = 0; i < action_row_count; i++) {
		const struct action_row *row = &action_rows[i];
		strbuf_add(out, ".TP\n\\fB");
		roff(out, row->name);
		strbuf_addf(out, "\\fR%s%s (timeout %s%s%s)\n", row->role ? " " : "", row->role ? row->role : "", row->timeout,
			    row->interval ? ", interval " : "", row->interval ? row->interval : "");
		roff(out, row->meaning);
		strbuf_add(out, "\n");
	}
}

char *metadata_man(void)
{
	struct strbuf out = {0};
	strbuf_addf(&out, ".TH OCF_SYSTOLE_MYSQL 7 \"\" \"Systole %s\" \"OCF resource agents\"\n.SH NAME\nocf_systole_mysql \\- ",
		    PACKAGE_VERSION);
	roff(&out, SHORTDESC);
	strbuf_add(&out, "\n.SH SYNOPSIS\n\\fBmysql\\fR [start | stop | monitor | promote | demote | notify | validate\\-all | "
			 "reload\\-agent | meta\\-data]\n.SH DESCRIPTION\n");
	roff(&out, LONGDESC);
	strbuf_add(&out, "\n");
	man_parameters(&out);
	man_actions(&out);
	strbuf_add(&out,
		   ".SH EXAMPLE\n.nf\npcs resource create db ocf:systole:mysql credentials=/etc/systole/credentials \\e\n"
		   "    op monitor interval=5s role=Promoted timeout=20s op monitor interval=10s role=Unpromoted timeout=20s \\e\n"
		   "    promotable notify=true interleave=true\n.fi\n"
		   ".SH EXIT STATUS\nAs the OCF Resource Agent API has it; 190 and 191 say that the server runs as a replica or as the "
		   "primary, but not well. "
		   "The reason is in \\fBcrm_mon\\fR(8).\n.SH SEE ALSO\n\\fBpcs\\fR(8), \\fBcrm_mon\\fR(8), \\fBcrm_resource\\fR(8)\n");
	return strbuf_take(&out);
}
