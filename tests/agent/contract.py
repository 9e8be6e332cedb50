"""The contract of the OCF Resource Agent API: metadata, codes, environment, conformance."""
import os

from agent import ARGS, CREDENTIALS, DATADIR, DISK, NOT_RUNNING, OK, PROGRAM, UNIMPLEMENTED, check

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i"]
SCHEMAS = ["/usr/share/pcs/data/ocf-1.1.rng", "/usr/share/pacemaker/api/ocf-ra-1.1.rng"]


def conformance(agent):
    """Without -v it reads the agent's output to the end: a child that holds on to that would make it wait for ever. On a disk's root."""
    agent.clear()
    agent.sh(f"mv {DISK}/template {DISK}/.template && rmdir {DATADIR}")
    try:
        given = [f"binary={agent.params['binary']}", f"config={agent.params['config']}", f"credentials={CREDENTIALS}"]
        options = [word for option in given for word in ("-o", option)]
        done = agent.sh(["ocf-tester", "-n", "conformance", *options, PROGRAM], check=False, timeout=90)
        check(done.ok and "passed all tests" in done.stdout and "* rc=" not in done.stdout, f"ocf-tester: {done.returncode}\n{done.stdout}{done.stderr}")
    finally:
        agent.kill_servers()
        agent.sh(f"find {DISK} -mindepth 1 -maxdepth 1 ! -name .template ! -name lost+found -exec rm -rf {{}} + && mv {DISK}/.template {DISK}/template")


def metadata(agent):
    text = agent.sh([PROGRAM, "meta-data"]).stdout
    agent.write("/tmp/metadata.xml", text)
    done = agent.sh("cd /usr/share/resource-agents && xmllint --noout --valid - < /tmp/metadata.xml", check=False)
    check(done.ok, f"the DTD: {done.stderr[:400]}")
    tried = []
    for schema in SCHEMAS:
        if os.path.exists(agent.node.path(schema)):
            done = agent.sh(["xmllint", "--noout", "--relaxng", schema, "/tmp/metadata.xml"], check=False)
            check(done.ok, f"{schema}: {done.stderr[:400]}")
            tried.append(schema.rpartition("/")[2])
    check(any("1.1" in name for name in tried), "no OCF 1.1 schema was found")
    for word in ('<action name="monitor"', "Promoted", "<version>1.1</version>", 'name="reload-agent"'):
        check(word in text, f"the metadata lacks {word}")
    return "the DTD, " + ", ".join(tried)


def unprivileged(agent):
    wanted = agent.sh([PROGRAM, "meta-data"]).stdout
    for more in ([], ["OCF_RESKEY_binary=/nowhere", "OCF_RESKEY_port=none", "OCF_RA_VERSION_MAJOR=1"]):
        done = agent.sh([*NOBODY, *more, PROGRAM, "meta-data"])
        check(done.stdout == wanted and not done.stderr, f"meta-data as nobody says something else: {done.stderr}")
        done = agent.sh([*NOBODY, *more, PROGRAM, "usage"])
        check("reload-agent" in done.stdout and not done.stderr, f"usage as nobody: {done.stdout}{done.stderr}")


def unknown_actions(agent):
    for action in ("migrate_to", "reload", "Start", "start;stop", "x" * 3000):
        agent.refuses(UNIMPLEMENTED, action, "no such action")
    done = agent.node.run([PROGRAM])
    check(done.returncode == ARGS and "usage" in done.stdout, f"without an action: {done}")
    check(agent.node.run([*agent.command("monitor"), "more", "words"]).returncode == NOT_RUNNING, "further arguments are not ignored")


def environment(agent):
    agent.clear()
    agent.refuses(ARGS, "monitor", ["OCF_RA_VERSION_MAJOR", '"2"'], env={"OCF_RA_VERSION_MAJOR": "2"})
    for value in ("../../etc", "a b", "", ".", "x" * 200):
        if value:
            agent.refuses(ARGS, "monitor", "OCF_RESOURCE_INSTANCE", env={"OCF_RESOURCE_INSTANCE": value})
    for action, code in (("monitor", NOT_RUNNING), ("validate-all", OK), ("stop", OK), ("notify", OK), ("demote", OK)):
        answer = agent.heard(action, ["env", "-i", PROGRAM, action], 30)
        check(answer.code == code, f"without any environment: {answer}")
    answer = agent.call("monitor", env={"OCF_EXIT_REASON_PREFIX": "why: ", "OCF_RA_VERSION_MAJOR": "2"})
    check(answer.code == ARGS and answer.stderr.startswith("why: OCF_RA_VERSION_MAJOR"), f"OCF_EXIT_REASON_PREFIX is not used: {answer.stderr}")


TESTS = [
    ("ocf-tester passes, also when it waits for the agent's output to end", conformance),
    ("the metadata is valid for the DTD and for OCF 1.1", metadata),
    ("meta-data and usage need neither root nor a server nor a configuration", unprivileged),
    ("an unknown action is answered with 3", unknown_actions),
    ("another version of the API is refused; a missing environment is not", environment),
]
