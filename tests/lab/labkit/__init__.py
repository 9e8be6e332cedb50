"""labkit: a real Pacemaker cluster of namespaces on one machine, as a library."""
from .application import Application, Log, read_log
from .flavours import FLAVOURS
from .lab import Lab
from .resources import AgentSpec, STATEFUL, systole
from .shell import LabError, Result

__all__ = ["AgentSpec", "Application", "FLAVOURS", "Lab", "LabError", "Log", "Result", "STATEFUL", "read_log", "systole"]
