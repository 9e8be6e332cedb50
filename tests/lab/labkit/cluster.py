"""Corosync's and Pacemaker's configuration of the nodes, and the cluster's state as crm_mon tells it."""
import glob
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from .shell import LabError, run

# After a message the token goes round seqno_unchanged_const times, 30 by default: that costs nobody anything but here, where all nodes have
# the same two processors.
COROSYNC = """totem {{
    version: 2
    cluster_name: {cluster}
    transport: knet
    crypto_cipher: none
    crypto_hash: none
    seqno_unchanged_const: 3
    token: {token}
    token_retransmits_before_loss_const: 5
    token_coefficient: 0
    join: 50
    interface {{
        linknumber: 0
        knet_ping_interval: 100
        knet_ping_timeout: 400
        knet_pong_count: 1
    }}
}}
nodelist {{
{nodes}}}
quorum {{
    provider: corosync_votequorum
{votes}}}
system {{
    sched_rr: no
    move_to_root_cgroup: no
}}
logging {{
    to_stderr: no
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: no
    timestamp: hires
    debug: off
}}
"""

DEVICE = """    device {{
        model: net
        votes: 1
        net {{
            host: {host}
            tls: off
            algorithm: ffsplit
        }}
    }}
"""

SEED = """<cib crm_feature_set="{features}" validate-with="{schema}" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="1s"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""


def corosync_conf(cluster, nodes, token, device=None):
    """corosync.conf for [(number, name, address)]; `device`: the address of a quorum device, whose vote replaces two_node."""
    entries = "".join(f"    node {{\n        nodeid: {number}\n        name: {name}\n        ring0_addr: {address}\n    }}\n"
                      for number, name, address in nodes)
    votes = DEVICE.format(host=device) if device else "    two_node: 1\n" if len(nodes) == 2 else ""
    return COROSYNC.format(cluster=cluster, token=token, nodes=entries, votes=votes)


def seed_cib(base):
    """A first CIB that Pacemaker of the root `base` accepts: with it, the first election takes one second, not twenty."""
    return SEED.format(features=feature_set(base), schema=newest_schema(base))


def feature_set(base):
    text = run(["chroot", base, "pacemakerd", "--features"]).stdout
    found = re.search(r"Supporting v([\d.]+)", text)
    if not found:
        raise LabError(f"Pacemaker in {base} does not tell its feature set: {text.strip()!r}")
    return found[1]


def newest_schema(base):
    versions = []
    for path in glob.glob(base + "/usr/share/pacemaker/pacemaker-*.rng"):
        found = re.search(r"pacemaker-(\d+)\.(\d+)\.rng$", path)
        if found:
            versions.append((int(found[1]), int(found[2])))
    if not versions:
        raise LabError(f"Pacemaker in {base} has no schemas")
    return "pacemaker-%d.%d" % max(versions)


@dataclass
class ClusterState:
    """What one node's crm_mon says. Roles are in today's words, whatever this Pacemaker calls them."""
    dc: str = ""
    quorum: bool = False
    online: set = field(default_factory=set)
    unclean: set = field(default_factory=set)
    nodes: dict = field(default_factory=dict)       # name -> attributes of crm_mon's <node>
    roles: dict = field(default_factory=dict)       # resource id -> {node: role}
    failures: list = field(default_factory=list)    # sentences; a failed action stays here until it is cleaned up
    degraded: list = field(default_factory=list)    # the same for the results 190 and 191
    pending: list = field(default_factory=list)     # resources with an action on its way, or failed, or blocked

    def where(self, resource, role=None):
        """The nodes that have the resource (in that role)."""
        return sorted(node for node, found in self.roles.get(resource, {}).items() if role in (None, found))

    def promoted(self, resource="db"):
        found = self.where(resource, "Promoted")
        return found[0] if len(found) == 1 else None


ROLES = {"Master": "Promoted", "Slave": "Unpromoted"}


def parse_state(text):
    """crm_mon --output-as=xml -> ClusterState."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as failed:
        raise LabError(f"crm_mon said no XML: {failed}") from None
    state = ClusterState()
    dc = root.find("summary/current_dc")
    if dc is not None and dc.get("present") == "true":
        state.dc = dc.get("name", "")
        state.quorum = dc.get("with_quorum") == "true"
    for node in root.findall("nodes/node"):
        parse_node(state, node)
    for resource in root.iter("resource"):
        parse_resource(state, resource)
    for failure in root.findall("failures/failure"):
        parse_failure(state, failure)
    return state


def parse_failure(state, failure):
    what = failure.get("op_key") or failure.get("task")
    sentence = f"{what} on {failure.get('node')}: {failure.get('exitstatus')} {failure.get('exitreason', '')}".strip()
    (state.degraded if failure.get("exitcode") in ("190", "191") else state.failures).append(sentence)


def parse_node(state, node):
    name = node.get("name")
    state.nodes[name] = dict(node.attrib)
    if node.get("online") == "true" and node.get("pending") == "false":
        state.online.add(name)
    if node.get("unclean") == "true":
        state.unclean.add(name)


def parse_resource(state, resource):
    name = resource.get("id", "").partition(":")[0]
    role = ROLES.get(resource.get("role"), resource.get("role"))
    for node in resource.findall("node"):
        state.roles.setdefault(name, {})[node.get("name")] = role
    for trouble in ("pending", "failed", "blocked"):
        value = resource.get(trouble)
        if value not in (None, "false", "Monitoring"):      # the first of the recurring monitors is no change
            state.pending.append(f"{name}: {trouble} {value}")
