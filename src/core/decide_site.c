/* A second cluster elsewhere has the same data (parameter other_site). While this one has no primary, its nodes replicate from there and
 * acknowledge nothing: so they are as ready for an election as ever, when a ticket or an operator allows one. */
#include "core/decide.h"

#include "base/str.h"

bool facts_on_site(const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	return facts->site.name && server->has_source == TRI_YES && str_equal(server->source_host, facts->site.address) &&
	       server->source_port == facts->site.port;
}

/* A primary that has died is replaced within seconds, and those are not spent elsewhere. */
#define OWN_ELECTION_MS 10000

/* No primary of this cluster has written the last mark in its data. */
static bool is_second(const struct facts *facts)
{
	return gtid_set_empty(facts->server.executed) || facts->server.data_epoch > facts_record(facts)->epoch;
}

struct verdict decide_site(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	const struct peer_facts *site = &facts->site;
	if (!site->name)
		return verdict_done(OCF_SUCCESS, "no primary is known yet");
	if (facts_on_site(facts) && server->receiver != THREAD_STOPPED && server->applier == THREAD_RUNNING)
		return verdict_done(OCF_SUCCESS, "replicates from %s", site->address);
	if (server->data_epoch_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_DEGRADED, "its marks cannot be read") : verdict_look(LOOK_MARK);
	if (!is_second(facts) && facts->disconnected_ms < OWN_ELECTION_MS)
		return verdict_done(OCF_SUCCESS, "no primary is known yet");
	if (site->asked == TRI_UNKNOWN)
		return verdict_look(LOOK_PRIMARY);
	if (site->asked == TRI_NO || !site->position || site->data_epoch_known != TRI_YES)
		return verdict_done(OCF_SUCCESS, "there is no primary, and the other site, %s, cannot be asked: %.300s", site->address,
				    site->ask_error ? site->ask_error : "no answer");
	/* Else this cluster's own last primary was the last one of both. */
	const struct record *own = facts_record(facts);
	if (site->data_epoch <= own->epoch && gtid_set_empty(server->executed))
		return verdict_done(
		    OCF_DEGRADED,
		    "empty, and not filled from the other site, %s, which holds nothing later than epoch %llu: %.64s was the "
		    "primary here in epoch %llu. If its data is gone for good, see \"A second site\" in the guide",
		    site->address, (unsigned long long)site->data_epoch, own->primary, (unsigned long long)own->epoch);
	if (site->data_epoch <= own->epoch)
		return verdict_done(OCF_SUCCESS, "there is no primary, and the other site, %s, holds nothing later than epoch %llu",
				    site->address, (unsigned long long)site->data_epoch);
	return decide_join(config, facts, site, site);
}
