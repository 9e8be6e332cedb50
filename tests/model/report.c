/* The checker's main: explores the rules as they are, then each time without one guard, and says what it found. */
#include "model.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const violation_names[] = {
    [SAFE] = "none", [LOST] = "lost", [DOUBLE] = "double", [DIVERGED] = "diverged", [STUCK] = "stuck",
};

/* {n} and {p}: the step's nodes; {t}: its transaction; {v}: its value; {N} and {P}: what these hold afterwards; {R}: n's record. */
static const char *const sentences[ACTIONS] = {
    [ACT_WRITE] = "{n} writes {t} for a client",
    [ACT_RECEIVE] = "{n} receives {t} from {p}",
    [ACT_RECEIVE_UNASKED] = "{n}, which has not promised that epoch, receives {t} from {p} and acknowledges it",
    [ACT_ACKNOWLEDGE] = "{n} acknowledges {t} to its client",
    [ACT_RELEASE] = "{n} steps down and releases the waiting {t}: its client is told that it succeeded",
    [ACT_PROPOSE] = "Pacemaker proposes {n}, which promises epoch {v} and holds {N}",
    [ACT_REPORT] = "{n} promises epoch {v} to {p} and reports that it holds {N}",
    [ACT_PROMISE_ONLY] = "{n} promises epoch {v} to {p}, and its action ends there",
    [ACT_SHED] = "the candidate {n} sheds what {p}, the best, lacks, and holds {N}",
    [ACT_FETCH] = "the candidate {n} fetches {t} from {p}",
    [ACT_ATTACH] = "{n} sheds what the candidate {p} lacks, follows it, and holds {N}",
    [ACT_OPEN] = "{n} opens for the agent in epoch {v} and holds {N}",
    [ACT_OPENED] = "{n} is the primary of epoch {v}: k have acknowledged its mark",
    [ACT_OPENED_WITHOUT] = "{n} is the primary of epoch {v}: its mark has not been acknowledged in time",
    [ACT_RECORD_ALONE] = "{n} writes the record {R}",
    [ACT_STORE] = "{n} stores the record {R}, as {p} has it",
    [ACT_STORE_OLDER] = "{n} takes the older record {R}: the copy of {p} has won",
    [ACT_CONFIRM] = "{p} sees that {n} confirms its record, by {R}",
    [ACT_CONFIRM_FENCED] = "{n} sees that {p} is fenced",
    [ACT_GO_ALONE] = "{n} goes on alone: wait count 0",
    [ACT_WAIT_AGAIN] = "{n} waits for k again",
    [ACT_MARK] = "{n} writes a mark on its way back",
    [ACT_RECORD_MAJORITY] = "{n} is back: it writes the record {R}",
    [ACT_FOLLOW] = "{n} follows the primary {p} of epoch {v} and holds {N}",
    [ACT_WIPE] = "{n} has diverged from {p} and gives its data away to be filled again",
    [ACT_FILLED] = "{n} is filled from {p}, follows it, and holds {N}",
    [ACT_DEMOTE] = "{n} steps down",
    [ACT_ABANDON] = "the promotion of {n} is abandoned",
    [ACT_START] = "{n} starts",
    [ACT_JOIN] = "{n} sees {p}, for the first time since it booted",
    [ACT_MEET] = "{n} stores the newest record and promise of {p}: {R}",
    [ACT_FENCE] = "{n} is fenced",
    [ACT_CRASH_NODE] = "the machine {n} dies",
    [ACT_CRASH_SERVER] = "the server of {n} dies",
    [ACT_CUT_BOTH] = "the networks part: {S} on one side",
    [ACT_CUT_CLUSTER] = "the cluster's network parts: {S} on one side",
    [ACT_CUT_REPLICATION] = "the replication's network parts: {S} on one side",
    [ACT_HEAL_CLUSTER] = "the cluster's network is whole again",
    [ACT_HEAL_REPLICATION] = "the replication's network is whole again",
};

static void print_set(unsigned set, const uint8_t *name)
{
	const char *before = "";
	for (unsigned n = 0; n < model.nodes; n++)
		for (unsigned m = 0; m < model.nodes; m++)
			if (name[m] == n && set >> m & 1) {
				printf("%sn%u", before, n + 1);
				before = " ";
			}
}

static void print_entry(unsigned id, unsigned epoch)
{
	if (id)
		printf("t%u", id);
	else
		printf("the mark of epoch %u", epoch);
}

static void print_log(const struct state *s, unsigned log)
{
	const char *before = "";
	printf("{");
	for (unsigned i = 0; i < s->count; i++)
		if (log >> i & 1) {
			printf(s->entries[i].mark ? "%sm%u" : "%st%u", before, s->entries[i].mark ? s->entries[i].epoch : s->entries[i].id);
			before = " ";
		}
	printf("}");
}

static void print_record(unsigned record, const uint8_t *name)
{
	printf("%u.%u %s, n%u", record_epoch(record), record_version(record), record_alone(record) ? "alone" : "majority",
	       name[record_primary(record)] + 1);
}

static void print_told(const struct told *told)
{
	const struct step *step = &told->step;
	const struct state *s = &told->after;
	for (const char *at = sentences[step->action]; *at; at++) {
		if (*at != '{') {
			putchar(*at);
			continue;
		}
		switch (at[1]) {
		case 'n':
			printf("n%u", told->name[step->node] + 1);
			break;
		case 'p':
			printf("n%u", told->name[step->peer] + 1);
			break;
		case 't':
			print_entry(step->id, step->value);
			break;
		case 'v':
			printf("%u", step->value);
			break;
		case 'N':
			print_log(s, s->nodes[step->node].log);
			break;
		case 'R':
			print_record(s->nodes[step->node].record, told->name);
			break;
		case 'S':
			print_set(step->value, told->name);
			break;
		}
		at += 2;
	}
}

static void print_trace(const struct outcome *o)
{
	if (o->trace_length == 0)
		return;
	const struct told *last = &o->trace[o->trace_length - 1];
	for (unsigned i = 0; i < o->trace_length; i++) {
		printf("  %2u. ", i + 1);
		print_told(&o->trace[i]);
		printf("\n");
	}
	printf("      %s: ", violation_names[o->violation]);
	if (o->nodes) {
		print_set(o->nodes, last->name);
		printf(" are up, the others gone: ");
	}
	switch (o->violation) {
	case LOST:
		printf("%s lacks what was acknowledged", o->nodes ? "whom they elect" : "the primary");
		break;
	case DOUBLE:
		printf("two primaries acknowledge");
		break;
	case DIVERGED:
		printf("it holds a later transaction already, so its data differ");
		break;
	case STUCK:
		printf("they elect nobody and never will");
		break;
	case SAFE:
		break;
	}
	printf("\n");
}

struct options {
	bool all, traces;
	const char *only, *bounds;
	uint64_t states_max;
	unsigned passed, failed;
	uint64_t taken[ACTIONS];
};

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check_bounds(const struct config *c, uint64_t guards, struct options *options)
{
	struct outcome o;
	double begin = seconds();
	model_set(c, guards);
	explore(options->states_max, &o);
	bool good = o.violation == SAFE && (o.complete || c->when == LONG);
	printf("%-16s %u%s%u  %-8s %-7s %-8s %6u %6u %9u %8u %11llu %5u %6.1f  %s\n", c->name, c->voters, c->others ? "+" : " ", c->others,
	       c->adaptive ? "adaptive" : "majority", c->fencing ? "fenced" : "-", c->accepts_ahead ? "accepts" : "refuses", c->writes,
	       c->faults, c->promotions, c->versions, (unsigned long long)o.states, o.depth, seconds() - begin,
	       o.violation != SAFE ? violation_names[o.violation]
	       : o.complete	   ? "no violation"
	       : c->when == LONG   ? "no violation, in part"
				   : "no violation, NOT complete");
	print_trace(&o);
	fflush(stdout);
	for (unsigned i = 0; i < ACTIONS; i++)
		options->taken[i] += o.taken[i];
	*(good ? &options->passed : &options->failed) += 1;
	outcome_done(&o);
}

/* A rule that nothing ever takes proves nothing. These two only happen when a guard is left out. */
static void check_taken(struct options *options)
{
	unsigned never = 0;
	for (unsigned i = 0; i < ACTIONS; i++)
		if (!options->taken[i] && i != ACT_RELEASE && i != ACT_STORE_OLDER) {
			printf("NEVER TAKEN: %s\n", sentences[i]);
			never++;
		}
	printf(
	    "\nEvery step of the rules was taken: %s. A member that nobody had asked acknowledged to the primary (trace 8): %llu times\n",
	    never ? "no" : "yes", (unsigned long long)options->taken[ACT_RECEIVE_UNASKED]);
	*(never ? &options->failed : &options->passed) += 1;
}

static const char legend[] =
    "Looked for, in every state within the bounds:\n"
    "  lost      a primary opens without an acknowledged write, or the next election would open such a one: each state is also looked at\n"
    "            one election ahead, for every set of voters that is enough, the others being dead\n"
    "  double    two primaries open in one epoch, or a superseded one acknowledges what the newer one lacks\n"
    "  diverged  a node adds a transaction behind one that its source has after it\n"
    "  stuck     when the faults end, voters that are enough cannot elect and are not waiting, by rule 5 or 12, for the one that went "
    "alone;\n"
    "            or a primary stays that too few may follow; or too few whole copies are left\n"
    "Bounds: N voters, and replicas that do not count; client writes; faults (a machine or a server dies, either network or both part);\n"
    "elections begun after the first; versions of the record in one epoch. Free at any time: what heals, starts, is demoted, abandoned or\n"
    "fenced. ahead: whether a source serves a replica that holds what it lacks (MySQL) or refuses it (MariaDB).\n"
    "Not modelled: a change of voters (rule 13), a disk that loses what was synced, what is received but not applied, the contents of\n"
    "transactions, the first start of empty nodes, time.\n\n";

static void check_configs(struct options *options)
{
	fputs(legend, stdout);
	printf("The rules as they are\n\n%-16s %-4s %-8s %-7s %-8s %6s %6s %9s %8s %11s %5s %6s\n", "", "N", "mode", "fencing", "ahead",
	       "writes", "faults", "elections", "versions", "states", "depth", "s");
	for (unsigned i = 0; i < model_config_count; i++)
		if (model_configs[i].when == ALWAYS || (options->all && model_configs[i].when == LONG))
			check_bounds(&model_configs[i], 0, options);
	check_taken(options);
}

static void check_mutation(const struct mutation *m, struct options *options)
{
	struct outcome o = {0};
	uint64_t states = 0;
	const char *where = "";
	double begin = seconds();
	for (unsigned i = 0; i < 3 && m->configs[i] && o.violation == SAFE; i++) {
		where = m->configs[i];
		model_set(model_config(where), 1ULL << m->guard);
		explore(options->states_max, &o);
		states += o.states;
	}
	bool good = o.violation == m->expected && (o.violation != SAFE || o.complete);
	printf("%-6s %-25s %-5s %-8s %5u %-21s %9llu %5.1f  %s%s\n", m->rule, m->name, m->trace,
	       o.violation == SAFE ? "NONE" : violation_names[o.violation], o.trace_length, where, (unsigned long long)states,
	       seconds() - begin, m->sentence, good ? "" : "  <-- NOT AS EXPECTED");
	if (options->traces || options->only)
		print_trace(&o);
	fflush(stdout);
	*(good ? &options->passed : &options->failed) += 1;
	outcome_done(&o);
}

/* Two guards may each be enough without the other: those that are not needed must not be needed together. */
static void check_all_unneeded(struct options *options)
{
	static const char *const names[] = {"s3-more", "s3-alone-soon", "s2-soon", "s5"};
	uint64_t guards = 0;
	for (unsigned i = 0; i < model_mutation_count; i++)
		if (model_mutations[i].expected == SAFE)
			guards |= 1ULL << model_mutations[i].guard;
	printf("\nWithout all of those that are no rules:\n");
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		check_bounds(model_config(names[i]), guards, options);
}

static void check_mutations(struct options *options)
{
	puts("\nWithout one of their guards. NONE: not needed within the bounds, and no rule; why it is done all the same stands beside "
	     "it.\n");
	printf("%-6s %-25s %-5s %-8s %5s %-21s %9s %5s  %s\n", "rule", "guard", "trace", "finds", "steps", "bounds", "states", "s",
	       "left out");
	for (unsigned i = 0; i < model_mutation_count; i++)
		if (!options->only || strcmp(options->only, model_mutations[i].name) == 0)
			check_mutation(&model_mutations[i], options);
	if (!options->only)
		check_all_unneeded(options);
}

static int usage(void)
{
	fprintf(stderr, "usage: check [--long] [--traces] [--bounds NAME | --drop GUARD] [--states MAX]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
	    {"long", no_argument, NULL, 'l'},	    {"traces", no_argument, NULL, 't'},	      {"bounds", required_argument, NULL, 'b'},
	    {"drop", required_argument, NULL, 'd'}, {"states", required_argument, NULL, 's'}, {NULL, 0, NULL, 0},
	};
	struct options options = {.states_max = 40000000};
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (option) {
		case 'l':
			options.all = true;
			break;
		case 't':
			options.traces = true;
			break;
		case 'd':
			options.only = optarg;
			break;
		case 'b':
			options.bounds = optarg;
			if (!model_config(optarg))
				return usage();
			break;
		case 's':
			options.states_max = strtoull(optarg, NULL, 10);
			break;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	if (options.bounds)
		check_bounds(model_config(options.bounds), 0, &options);
	if (!options.only && !options.bounds)
		check_configs(&options);
	if (!options.bounds)
		check_mutations(&options);
	printf("\n%u passed, %u failed\n", options.passed, options.failed);
	return options.failed ? 1 : 0;
}
