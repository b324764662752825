"""Errors of the simulator that a person may see. Each message names the value, the rule and the way out.

SimError
├── ScenarioError       there is no such scenario, or one of its values is out of range
├── SourceError         a file cannot be read in the format that was asked for
└── BrokerUnavailable   the MQTT broker does not answer, refuses us, or refuses what we send
"""


class SimError(Exception):
    """Base of all errors of the simulator that are reported in one line."""


class ScenarioError(SimError):
    """There is no such scenario, or one of its values is out of range."""


class SourceError(SimError):
    """A file cannot be read in the format that was asked for."""


class BrokerUnavailable(SimError):
    """The MQTT broker does not answer, refuses us, or refuses what we send."""
