"""The cost of one monitor: the environment that Pacemaker gives is recorded, then the agent is called with it in the node."""
import json
import os
import shutil
import statistics
from dataclasses import dataclass

from labkit import LabError

INSIDE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "inside.py")
DIRECTORY = "/run/systole-bench"

# A recorder stands in the agent's place for as long as one recurring monitor takes to come by; then it is gone again.
RECORD = f"""set -e
agent=$1 directory={DIRECTORY} name=$(basename "$1")
rm -rf $directory
mkdir -p $directory/real
: > $directory/real/$name
mount --bind "$agent" $directory/real/$name
cat > $directory/recorder <<END
#!/bin/sh
if [ "\\$1" = monitor ] && [ "\\$OCF_RESKEY_CRM_meta_interval" != 0 ] && mkdir $directory/once 2> /dev/null; then
    cat /proc/\\$\\$/environ > $directory/environment.new
    mv $directory/environment.new $directory/environment
fi
exec $directory/real/$name "\\$@"
END
chmod 755 $directory/recorder
mount --bind $directory/recorder "$agent"
tries=0
until [ -e $directory/environment ] || [ $tries -gt 150 ]; do sleep 0.1; tries=$((tries + 1)); done
umount -l "$agent"
umount -l $directory/real/$name
test -e $directory/environment
"""


@dataclass
class Cost:
    """Of one contestant's monitor in one role: medians, and what was seen in every call."""
    codes: dict
    wall_ms: float
    cpu_ms: float
    forks: float            # processes besides the first, median
    quiet_forks: int        # the most in a call that refreshed nothing
    refreshed: int          # calls that refreshed attributes
    traced: int
    threads: float
    execs: float
    peak_mib: float         # of the largest process, the greatest of all calls
    environment: list       # the names that Pacemaker sets for agents


def measure(lab, contestant, node, count):
    """Calls the monitor `count` times timed and `count` times traced, after a warm-up, on an idle cluster."""
    node = lab.node(node)
    node.run(["sh", "-c", RECORD, "sh", contestant.path], timeout=30, check=True)
    shutil.copyfile(INSIDE, lab.shared + "/inside.py")
    result = node.run(["python3", "-B", "/run/systole-lab/inside.py", contestant.path, DIRECTORY + "/environment", str(count)],
                      timeout=120, check=True)
    environment = node.run(f"tr '\\0' '\\n' < {DIRECTORY}/environment", check=True).stdout.splitlines()
    return cost_of(json.loads(result.stdout), environment)


def cost_of(found, environment):
    timed, traced = found["timed"], found["traced"]
    codes = {}
    for call in timed + traced:
        codes[call["rc"]] = codes.get(call["rc"], 0) + 1
    if not set(codes) <= {0, 8, 190, 191}:
        raise LabError(f"the monitor that was measured failed: exit codes {codes}")
    return Cost(
        codes=codes,
        wall_ms=statistics.median(call["wall_ms"] for call in timed),
        cpu_ms=statistics.median(call["cpu_ms"] for call in timed),
        forks=statistics.median(call["forks"] for call in traced),
        quiet_forks=max((call["forks"] for call in traced if not call["refreshed"]), default=0),
        refreshed=sum(call["refreshed"] for call in traced),
        traced=len(traced),
        threads=statistics.median(call["threads"] for call in traced),
        execs=statistics.median(call["execs"] for call in traced),
        peak_mib=max(call["peak_kib"] for call in traced) / 1024,
        environment=sorted(line for line in environment if line.startswith(("OCF_", "CRM_", "HA_", "PCMK_"))))
