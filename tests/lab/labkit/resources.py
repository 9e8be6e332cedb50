"""The cluster's resources: fencing, the promotable database, the virtual IP; as one piece of CIB XML."""
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field, replace

LAB_CNF = "/etc/mysql/lab.cnf"
CREDENTIALS = "/etc/systole/credentials"
DATADIR = "/var/lib/mysql"
SOCKET = "/run/mysqld/mysqld.sock"


@dataclass(frozen=True)
class AgentSpec:
    """What is to be made promotable. ops: (name, interval, timeout[, role]), times as Pacemaker writes them."""
    standard: str                               # "ocf"
    provider: str                               # "systole"
    type: str                                   # "mysql"
    params: dict = field(default_factory=dict)
    meta: dict = field(default_factory=dict)    # of the clone; promotable=true is given
    ops: tuple = ()
    properties: dict = field(default_factory=dict)      # of the cluster
    id: str = "db"

    def with_params(self, **params):
        return replace(self, params={**self.params, **params})


# Two for each role: Pacemaker 2.1.5 and 3.0.3 lose a monitor that they have cancelled for a switchover which is then called off, when its
# last result that was no success is still in the CIB.
MONITORS = (("monitor", "1s", "20s", "Promoted"), ("monitor", "10s", "20s", "Promoted"),
            ("monitor", "2s", "20s", "Unpromoted"), ("monitor", "11s", "20s", "Unpromoted"))

STATEFUL = AgentSpec("ocf", "pacemaker", "Stateful", meta={"notify": "true", "interleave": "true"}, ops=MONITORS)


def systole(flavour, **params):
    """The recommended configuration of ocf:systole:mysql for a flavour of the lab."""
    return AgentSpec(
        "ocf", "systole", "mysql",
        params={"binary": flavour.daemon, "config": LAB_CNF, "datadir": DATADIR, "credentials": CREDENTIALS,
                "socket": SOCKET, **params},
        meta={"notify": "true", "interleave": "true", "migration-threshold": "25", "failure-timeout": "60s"},
        properties={"start-failure-is-fatal": "false", "load-threshold": "1000%", "cluster-delay": "10s"},
        ops=(("start", "0s", "120s"), ("stop", "0s", "60s"), ("promote", "0s", "60s"), ("demote", "0s", "30s"),
             ("notify", "0s", "60s"), *MONITORS))


def configuration(spec, node_names, vip, properties=None, stickiness="1"):
    """The <configuration> to merge into the CIB. `spec` None: fencing only."""
    top = ElementTree.Element("configuration")
    config = ElementTree.SubElement(top, "crm_config")
    options = ElementTree.SubElement(config, "cluster_property_set", id="cib-bootstrap-options")
    for name, value in {"stonith-enabled": "true", **(spec.properties if spec else {}), **(properties or {})}.items():
        ElementTree.SubElement(options, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value=value)
    resources = ElementTree.SubElement(top, "resources")
    resources.append(fencing(node_names))
    if spec:
        resources.append(clone(spec))
        resources.append(virtual_ip(vip))
        top.append(constraints(spec))
    defaults = ElementTree.SubElement(top, "rsc_defaults")
    nvpairs(defaults, "meta_attributes", "rsc_defaults-options", {"resource-stickiness": stickiness})
    return ElementTree.tostring(top, encoding="unicode")


def fencing(node_names):
    element = ElementTree.Element("primitive", {"id": "fence", "class": "stonith", "type": "fence_lab"})
    nvpairs(element, "instance_attributes", "fence-params",
            {"pcmk_host_list": " ".join(node_names), "pcmk_host_check": "static-list"})
    operations(element, "fence", (("monitor", "60s", "20s"),))
    return element


def clone(spec):
    element = ElementTree.Element("clone", id=spec.id + "-clone")
    nvpairs(element, "meta_attributes", spec.id + "-clone-meta", {"promotable": "true", **spec.meta})
    agent = agent_attributes(spec.id, spec.standard, spec.provider, spec.type)
    primitive = ElementTree.SubElement(element, "primitive", agent)
    nvpairs(primitive, "instance_attributes", spec.id + "-params", spec.params)
    operations(primitive, spec.id, spec.ops)
    return element


def virtual_ip(address, name="vip"):
    element = ElementTree.Element("primitive", agent_attributes(name, "ocf", "heartbeat", "IPaddr2"))
    nvpairs(element, "instance_attributes", name + "-params", {"ip": address, "cidr_netmask": "24"})
    operations(element, name, (("start", "0s", "20s"), ("stop", "0s", "20s"), ("monitor", "5s", "20s")))
    return element


def constraints(spec, address="vip"):
    """Of the resource `address`, which goes with the primary."""
    element = ElementTree.Element("constraints")
    ElementTree.SubElement(element, "rsc_colocation", {
        "id": address + "-with-primary", "rsc": address, "with-rsc": spec.id + "-clone", "with-rsc-role": "Promoted",
        "score": "INFINITY"})
    # The address stays until the primary is closed: a switchover that is refused does not touch it, and clients see their sessions end. Not
    # longer: one that a failed demotion kept there would draw the role back.
    for name, first, then, kind in (("after-promote", "promote", "start", "Mandatory"), ("after-demote", "demote", "stop", "Optional")):
        ElementTree.SubElement(element, "rsc_order", {
            "id": f"{address}-{name}", "first": spec.id + "-clone", "first-action": first, "then": address, "then-action": then,
            "kind": kind, "symmetrical": "false"})
    return element


def agent_attributes(name, standard, provider, kind):
    attributes = {"id": name, "class": standard, "type": kind}
    return {**attributes, "provider": provider} if provider else attributes


def nvpairs(parent, tag, name, values):
    if not values:
        return
    element = ElementTree.SubElement(parent, tag, id=name)
    for key, value in values.items():
        ElementTree.SubElement(element, "nvpair", id=f"{name}-{key}", name=key, value=str(value))


def operations(parent, resource, ops):
    if not ops:
        return
    element = ElementTree.SubElement(parent, "operations")
    for name, interval, timeout, *role in ops:
        attributes = {"id": f"{resource}-{name}-{interval}", "name": name, "interval": interval, "timeout": timeout}
        if role:
            attributes["role"] = role[0]
        ElementTree.SubElement(element, "op", attributes)
