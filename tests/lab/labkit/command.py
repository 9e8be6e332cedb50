"""The `lab` command: its verbs and their options. Everything that it does is the library's."""
import argparse
import os
import sys
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

from labkit import FLAVOURS, Lab, LabError                              # noqa: E402
from labkit import power                                                # noqa: E402
from labkit.faults import FAULTS                                        # noqa: E402
from labkit.lab import all_labs, prepare, require_root                  # noqa: E402
from labkit.install import install                                      # noqa: E402
from labkit.shell import say                                            # noqa: E402


def do_install(options):
    require_root()
    install(FLAVOURS[options.server].outside)


def do_build(options):
    require_root()
    _, installed = prepare(options.server)
    print(installed)


def do_up(options):
    started = time.monotonic()
    lab = Lab(options.name).up(server=options.server, nodes=options.nodes, token=options.token,
                               agent=not options.no_agent, disk_mib=options.disk_size, in_memory=options.in_memory,
                               in_cluster=not options.no_cluster, qdevice=options.qdevice)
    say(f"{len(lab.nodes)} nodes with {options.server} are up after {time.monotonic() - started:.1f} s; "
        f"the virtual IP will be {lab.vip}; next: `lab resource`, `lab enter node1 crm_mon`, `lab down`")


def do_down(options):
    require_root()
    for name in all_labs() if options.all else [options.name]:
        Lab(name).down()


def do_enter(options):
    lab = Lab(options.name)
    command = options.command or ["bash"]
    if options.node == "client":
        line = lab.network.client_command(command)
    else:
        node = lab.node(options.node)
        line = node.command(command, environment=[f"TERM={os.environ.get('TERM', 'dumb')}"])
    os.execvp(line[0], line)


def do_status(options):
    names = all_labs()
    if not names:
        print("no lab is up")
    for name in names:
        show(Lab(name))


def show(lab):
    if not lab.facts_readable():
        print(f"lab {lab.name}: only remains of it are left: `lab down --name {lab.name}` removes them")
        return
    facts = lab.facts
    switch = "" if power.is_running(lab) else ", its power switch is dead: nothing can be fenced"
    print(f"lab {lab.name}: {facts['server']}, network {facts['subnet']}.0/24, virtual IP {lab.vip}{switch}")
    for node in lab.nodes:
        pid = node.mysqld_pid()
        state = "off" if not node.alive() else "frozen" if node.cgroup.is_frozen() else "on"
        print(f"  {node.name} {node.address} {state}" + (f", server's pid {pid}" if pid else ""))
    live = lab.answering_nodes()
    if live and facts["in_cluster"]:
        print(live[0].run(["crm_mon", "-1", "-A", "-r"]).stdout.strip())


def do_resource(options):
    params = dict(setting.split("=", 1) for setting in options.parameter if "=" in setting)
    if len(params) != len(options.parameter):
        raise LabError("parameters of the resource are given as name=value")
    Lab(options.name).resource(stateful=options.stateful, **params)


def do_fault(options):
    if not options.fault:
        for name, fault in FAULTS.items():
            print(f"{name + ' NODE ' + fault.arguments:38} {fault.meaning}"
                  + (f"; ends with clear-{name}" if fault.clear else ""))
        return
    if not options.node:
        raise LabError(f"`lab fault {options.fault}` needs a node")
    Lab(options.name).fault(options.fault, options.node, *options.argument)


def do_on(options):
    Lab(options.name).node(options.node).power_on()


def do_off(options):
    Lab(options.name).node(options.node).power_off()


def do_set(options):
    Lab(options.name).set(options.setting, options.value)


def do_logs(options):
    lab = Lab(options.name)
    if options.directory:
        print(lab.collect_logs(options.directory))
        return
    for node in lab.nodes:
        for path in ("/var/log/pacemaker/pacemaker.log", "/var/log/corosync/corosync.log"):
            if os.path.exists(node.upper + path):
                print(f"== {node.name} {path}", flush=True)
                os.system(f"tail -n {options.lines} {node.upper + path}")


def parser():
    top = argparse.ArgumentParser(prog="lab", description="A real Pacemaker cluster on this machine, in namespaces.")
    verbs = top.add_subparsers(title="commands", metavar="COMMAND")

    def verb(name, function, text, named=True):
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(function=function)
        if named:
            added.add_argument("--name", default="lab", help="which lab (default: lab)")
        return added

    def server(added):
        added.add_argument("--server", choices=sorted(FLAVOURS), default="mariadb",
                           help="mariadb: this machine's own; mysql: MySQL in nodes of Debian unstable")

    server(verb("install", do_install, "install the packages that the lab needs on this machine", named=False))
    server(verb("build", do_build, "build the agent for a server and print where it is installed", named=False))
    up = verb("up", do_up, "make a lab; installs and builds what is missing")
    server(up)
    up.add_argument("--nodes", type=int, default=3, help="how many nodes, 1 to 9 (3)")
    up.add_argument("--qdevice", action="store_true", help="a quorum device votes too (corosync-qnetd beside the client)")
    up.add_argument("--token", type=int, default=1000, help="Corosync's token timeout in ms (1000)")
    up.add_argument("--disk-size", type=int, default=2048, metavar="MIB", help="size of a node's data disk in MiB (2048)")
    up.add_argument("--in-memory", action="store_true", help="the data disks are in memory: the nodes do not wait for each other's flushes")
    up.add_argument("--no-agent", action="store_true", help="do not build the project; only other agents are there")
    up.add_argument("--no-cluster", action="store_true", help="start neither Corosync nor Pacemaker")
    resource = verb("resource", do_resource, "create fencing, the database and the virtual IP")
    resource.add_argument("--stateful", action="store_true", help="ocf:pacemaker:Stateful in place of the database")
    resource.add_argument("parameter", nargs="*", metavar="name=value", help="more parameters of the database")
    verb("down", do_down, "remove a lab and all that it made").add_argument("--all", action="store_true", help="every lab")
    enter = verb("enter", do_enter, "run a command (a shell) in a node, or in the network of `client`")
    enter.add_argument("node", metavar="NODE")
    enter.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND...")
    verb("status", do_status, "show every lab", named=False)
    fault = verb("fault", do_fault, "break something; without a name: the list of faults")
    fault.add_argument("fault", nargs="?", metavar="NAME")
    fault.add_argument("node", nargs="?", metavar="NODE")
    fault.add_argument("argument", nargs="*", metavar="ARGUMENT")
    for name, function, text in (("on", do_on, "switch a node on"), ("off", do_off, "switch a node off")):
        verb(name, function, text).add_argument("node", metavar="NODE")
    setting = verb("set", do_set, "set what fencing does: reboot-after SECONDS|never, powercut yes|no")
    setting.add_argument("setting", choices=("reboot-after", "powercut"))
    setting.add_argument("value")
    logs = verb("logs", do_logs, "show the ends of the nodes' logs, or copy all logs into a directory")
    logs.add_argument("directory", nargs="?", metavar="DIRECTORY")
    logs.add_argument("--lines", type=int, default=20)
    return top


def main():
    top = parser()
    options = top.parse_args()
    if not hasattr(options, "function"):
        top.print_help()
        return 2
    try:
        options.function(options)
    except LabError as failed:
        print(f"lab: {failed}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


sys.exit(main())
