"""labkit: a real Pacemaker cluster of namespaces on one machine, as a library."""
from .flavours import FLAVOURS
from .lab import Lab
from .resources import AgentSpec, STATEFUL, systole
from .shell import LabError, Result

__all__ = ["AgentSpec", "FLAVOURS", "Lab", "LabError", "Result", "STATEFUL", "systole"]
