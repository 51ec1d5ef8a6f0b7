"""Amazon States Language: the subset that Slipway's machines use, in JSONata.

States Task (lambda:invoke and states:startExecution.sync:2), Choice, Wait, Pass,
Succeed, Fail, Parallel and Map (inline mode). What else a definition may hold is named
and refused when it is read.
"""

from localcloud.asl.definition import Definition, InvalidDefinition, load
from localcloud.asl.errors import StatesError
from localcloud.asl.house import house_rules

__all__ = ["Definition", "InvalidDefinition", "StatesError", "house_rules", "load"]
