/* The two tables: where the checker looks, and what it leaves out. */
#include "model.h"

#include <string.h>

/* clang-format off */
const struct config model_configs[] = {
	{ "three", ALWAYS, .voters = 3, .writes = 2, .faults = 1, .promotions = 2, .versions = 1, .kinds = FAULT_ALL, .fills = true, .accepts_ahead = true },
	{ "three-faults", ALWAYS, .voters = 3, .writes = 2, .faults = 2, .promotions = 1, .versions = 1, .kinds = FAULT_ALL,
	  .fills = true, .accepts_ahead = true },
	{ "three-adaptive", ALWAYS, .voters = 3, .writes = 1, .faults = 1, .promotions = 1, .versions = 3, .kinds = FAULT_ALL,
	  .adaptive = true, .accepts_ahead = true },
	{ "three-alone", ALWAYS, .voters = 3, .writes = 2, .faults = 2, .versions = 3, .kinds = FAULT_ALL, .adaptive = true, .accepts_ahead = true },
	{ "three-and-one", ALWAYS, .voters = 3, .others = 1, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL },
	{ "two", ALWAYS, .voters = 2, .writes = 1, .faults = 2, .promotions = 2, .versions = 3, .kinds = FAULT_ALL,
	  .fencing = true, .adaptive = true, .fills = true, .accepts_ahead = true },
	{ "two-writes", ALWAYS, .voters = 2, .writes = 2, .faults = 2, .promotions = 1, .versions = 3, .kinds = FAULT_ALL,
	  .fencing = true, .adaptive = true, .fills = true, .accepts_ahead = true },
	{ "four", ALWAYS, .voters = 4, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL, .fills = true, .accepts_ahead = true },
	{ "five", ALWAYS, .voters = 5, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_NODE },
	{ "five-mariadb", ALWAYS, .voters = 5, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_NODE, .server_waits = 1 },
	{ "three-more", LONG, .voters = 3, .writes = 2, .faults = 2, .promotions = 2, .versions = 1, .kinds = FAULT_ALL, .fills = true, .accepts_ahead = true },
	{ "three-fenced", LONG, .voters = 3, .writes = 1, .faults = 1, .promotions = 1, .versions = 3, .kinds = FAULT_ALL,
	  .fencing = true, .adaptive = true, .accepts_ahead = true },
	{ "three-again", LONG, .voters = 3, .writes = 1, .promotions = 2, .versions = 2, .adaptive = true, .accepts_ahead = true },
	{ "three-adaptive-more", LONG, .voters = 3, .writes = 1, .faults = 1, .promotions = 2, .versions = 2, .kinds = FAULT_ALL,
	  .adaptive = true, .accepts_ahead = true },
	{ "two-faults", LONG, .voters = 2, .writes = 1, .faults = 3, .promotions = 2, .versions = 3, .kinds = FAULT_ALL,
	  .fencing = true, .adaptive = true, .fills = true, .accepts_ahead = true },
	{ "two-more", LONG, .voters = 2, .writes = 2, .faults = 2, .promotions = 2, .versions = 2, .kinds = FAULT_ALL,
	  .fencing = true, .adaptive = true, .fills = true, .accepts_ahead = true },
	{ "four-elections", LONG, .voters = 4, .writes = 1, .faults = 0, .promotions = 2, .versions = 1, .fills = true, .accepts_ahead = true },
	{ "five-faults", LONG, .voters = 5, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL, .fills = true },
	{ "five-elections", LONG, .voters = 5, .writes = 1, .promotions = 2, .versions = 1 },
	/* Where counter-examples are found soonest. */
	{ "s3", SEARCHED, .voters = 3, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL, .accepts_ahead = true },
	{ "s3-more", SEARCHED, .voters = 3, .writes = 1, .faults = 1, .promotions = 2, .versions = 1, .kinds = FAULT_ALL, .accepts_ahead = true },
	{ "s3-elections", SEARCHED, .voters = 3, .writes = 2, .faults = 1, .promotions = 2, .versions = 1, .kinds = FAULT_ALL, .accepts_ahead = true },
	{ "s3-writes", SEARCHED, .voters = 3, .writes = 3, .promotions = 1, .versions = 1 },
	{ "s3-fills", SEARCHED, .voters = 3, .writes = 2, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL, .fills = true },
	{ "s3-fills-more", SEARCHED, .voters = 3, .writes = 1, .promotions = 3, .versions = 1, .fills = true },
	{ "s3-alone", SEARCHED, .voters = 3, .writes = 1, .faults = 1, .versions = 3, .kinds = FAULT_ALL, .adaptive = true },
	{ "s3-both", SEARCHED, .voters = 3, .writes = 1, .faults = 1, .promotions = 1, .versions = 3, .kinds = FAULT_ALL, .adaptive = true },
	{ "s3-again", SEARCHED, .voters = 3, .writes = 1, .promotions = 2, .versions = 2, .adaptive = true },
	{ "s3-and-one", SEARCHED, .voters = 3, .others = 1, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_ALL },
	{ "s3-alone-soon", SEARCHED, .voters = 3, .writes = 1, .faults = 1, .promotions = 1, .versions = 2, .kinds = FAULT_ALL, .adaptive = true },
	{ "s2-soon", SEARCHED, .voters = 2, .writes = 1, .faults = 2, .promotions = 2, .versions = 2, .kinds = FAULT_ALL, .fencing = true, .adaptive = true },
	{ "s2", SEARCHED, .voters = 2, .writes = 1, .faults = 3, .promotions = 2, .versions = 2, .kinds = FAULT_ALL, .fencing = true, .adaptive = true },
	{ "s4", SEARCHED, .voters = 4, .writes = 1, .faults = 1, .promotions = 1, .versions = 1, .kinds = FAULT_CUT },
	{ "s5", SEARCHED, .voters = 5, .writes = 1, .promotions = 1, .versions = 1 },
	{ "s5-elections", SEARCHED, .voters = 5, .writes = 1, .promotions = 2, .versions = 1 },
	{ "s5-mariadb", SEARCHED, .voters = 5, .writes = 1, .promotions = 1, .versions = 1, .server_waits = 1 },
};

const struct mutation model_mutations[] = {
	{ ACK_WAITS, "ack-waits", "1", "", "the primary waits for one acknowledgement less than k", { "s3" }, LOST },
	{ ACK_VOTERS_ONLY, "ack-voters-only", "1", "", "a replica that is no voter acknowledges", { "s3-and-one" }, LOST },
	{ REPORT_STOPS_RECEIVER, "report-stops-receiver", "2", "1 10", "a reporter keeps its receiver, and acknowledges to the old primary", { "s3" }, LOST },
	{ REPORT_EPOCH_ABOVE, "report-epoch-above", "2", "", "the candidate's epoch is only above its own promise. Above all, it is refused less often", { "s3-more" }, SAFE },
	{ PROMISE_EXCLUSIVE, "promise-exclusive", "2", "", "a voter that stands at an epoch already promises it to a second candidate", { "s3-elections" }, STUCK },
	{ PROMISE_DURABLE, "promise-durable", "2", "", "a promise does not survive a crash", { "s3-elections" }, LOST },
	{ PROMISE_REFUSES_PRIMARY, "promise-refuses-primary", "2", "1", "who has promised follows a primary of a lower epoch all the same", { "s3" }, LOST },
	{ FOLLOWING_PROMISES, "following-promises", "2", "", "following a primary does not promise its epoch, until its mark is there. By it a replica knows with whom it was compared", { "s3", "s5" }, SAFE },
	{ MARK_PROMISES, "mark-promises", "2", "8", "who holds the mark of an epoch may still promise a lower one", { "s5-elections" }, STUCK },
	{ COUNT_ENOUGH, "count-enough", "3", "", "one promise and one set less are enough", { "s3" }, LOST },
	{ COUNT_SERVERS_K, "count-servers-k", "3", "13", "counted with floor(N/2) where the server waits for one only", { "s5-mariadb" }, LOST },
	{ COUNT_MAJORITY, "count-majority", "3", "", "four voters: N - k promises are enough, though that is no majority", { "s4" }, STUCK },
	{ REPORT_RECORD, "report-record", "2", "", "a report does not carry the newest record", { "s3-both" }, LOST },
	{ RANK_BY_EPOCH, "rank-by-epoch", "4", "15", "sets are compared without epochs, and refused if incomparable", { "s3-elections" }, STUCK },
	{ RANK_NOT_BY_SIZE, "rank-not-by-size", "4", "15", "the larger set wins", { "s3-writes" }, LOST },
	{ RANK_BY_MARK, "rank-by-mark", "4", "14", "ranked by the epoch that a node began to follow, not by the mark it holds", { "s3-elections" }, LOST },
	{ CANDIDATE_SHEDS, "candidate-sheds", "4", "", "the candidate keeps its tail", { "s3-elections" }, DIVERGED },
	{ CANDIDATE_FETCHES, "candidate-fetches", "4", "", "the candidate opens with what it has", { "s3" }, LOST },
	{ ALONE_BINDS, "alone-binds", "5", "", "another than the primary that went alone is promoted", { "s3-alone" }, LOST },
	{ ALONE_IS_COUNTED, "alone-is-counted", "5", "", "the primary that went alone is promoted again without counting", { "s3-both" }, STUCK },
	{ ATTACH_SHEDS, "attach-sheds", "6", "", "a reporter keeps what the candidate lacks when it is pointed to it", { "s3-elections" }, DIVERGED },
	{ ATTACH_ENDS_REPORTS, "attach-ends-reports", "6", "", "reports count after a voter has shed and been pointed to the candidate", { "s3-elections" }, DIVERGED },
	{ MARK_WRITTEN, "mark-written", "7", "2", "no mark is written", { "s3-elections" }, STUCK },
	{ MARK_BEFORE_MAJORITY, "mark-before-majority", "7", "", "after alone, the promotion stands without its mark's acknowledgement", { "s3-both" }, LOST },
	{ RECORD_WRITTEN, "record-written", "7", "", "a promotion writes no record", { "s3-both" }, STUCK },
	{ NOT_ALONE_IN_PROMOTION, "not-alone-in-promotion", "7", "", "a candidate goes alone when its mark is not acknowledged", { "s3-both" }, STUCK },
	{ ALONE_CONFIRMED, "alone-confirmed", "8", "7", "alone before a majority has stored the record", { "s3-alone" }, LOST },
	{ CONFIRM_EXACT_EPOCH, "confirm-exact-epoch", "8", "", "a record of a higher epoch confirms, if nothing higher is promised. Exactly the epoch is the shorter comparison", { "s3-alone-soon" }, SAFE },
	{ CONFIRM_HIGHER_IS_NONE, "confirm-higher-is-none", "8", "3", "a node that answers with a record of a higher epoch confirms", { "s3-both" }, DOUBLE },
	{ CONFIRM_NO_HIGHER_PROMISE, "confirm-no-higher-promise", "8", "4", "a node that has promised a higher epoch confirms", { "s3-both" }, LOST },
	{ CONFIRM_AFTER_RECORD, "confirm-after-record", "8, 12", "5", "that the peer is fenced was seen before the record is written", { "s2" }, LOST },
	{ BACK_WAIT_FIRST, "back-wait-first", "9", "", "the wait count rises only after the mark", { "s3-alone" }, LOST },
	{ BACK_MARK, "back-mark", "9", "6", "the record says majority without an acknowledged mark", { "s3-alone" }, LOST },
	{ BACK_MARK_NOT_EXECUTED, "back-mark-not-executed", "9", "9", "a barrier over gtid_executed instead of the mark", { "s3-alone" }, LOST },
	{ REJOIN_SHEDS, "rejoin-sheds", "10", "", "who returns keeps what the primary lacks", { "s3-elections" }, DIVERGED },
	{ REJOIN_KEEPS_WAITING, "rejoin-keeps-waiting", "10", "", "the primary's waiting commits count as not held by it", { "s3" }, LOST },
	{ FILLING_IS_SILENT, "filling-is-silent", "10", "", "a node whose copy was not completed starts and reports", { "s3-fills" }, LOST },
	{ WIPE_LEAVES_ENOUGH, "wipe-leaves-enough", "10", "", "nodes are filled again though too few whole ones are left to elect", { "s3-fills-more" }, STUCK },
	{ DEPOSED_STOPS, "deposed-stops", "11", "", "a primary that sees a higher promise goes on", { "s3" }, STUCK },
	{ DEPOSED_KILLS, "deposed-kills", "11", "", "stepping down releases the commits that wait", { "s3" }, LOST },
	{ TWO_MET, "two-met", "12", "11", "a rebooted node decides before it has stored its peer's record", { "s2" }, LOST },
	{ TWO_MET_PROMISE, "two-met-promise", "12", "", "it stores its peer's record, but not its promise", { "s2" }, STUCK },
	{ TWO_WAIT_FOR_ALL, "two-wait-for-all", "12", "", "without Corosync's wait_for_all. It is Corosync's default", { "s2-soon" }, SAFE },
	{ RECORD_DURABLE, "record-durable", "8", "", "the record does not survive a crash", { "s3-alone" }, LOST },
	{ RECORD_NEWEST_STAYS, "record-newest-stays", "8", "12", "the record of the CIB replaces a newer one", { "s3-alone" }, LOST },
	{ RECORD_NEVER_BACK, "record-never-back", "8, 11", "", "a late candidate or primary replaces a record of a higher epoch by its own", { "s3-both", "s3-again" }, LOST },
	{ SOURCE_REFUSES_AHEAD, "source-refuses-ahead", "10", "", "five voters: a source serves replicas that hold what it lacks, as MySQL does", { "s5" }, DIVERGED },
	{ RELAY_LOG_KEPT, "relay-log-kept", "10", "", "a restarted replica has lost what it had acknowledged last", { "s3" }, LOST },
};
/* clang-format on */

const unsigned model_config_count = sizeof(model_configs) / sizeof(*model_configs);
const unsigned model_mutation_count = sizeof(model_mutations) / sizeof(*model_mutations);

const struct config *model_config(const char *name)
{
	for (unsigned i = 0; i < model_config_count; i++)
		if (strcmp(model_configs[i].name, name) == 0)
			return &model_configs[i];
	return NULL;
}
