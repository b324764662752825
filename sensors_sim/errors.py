"""Errors of the simulator that a person may see. Each message names the value, the rule and the way out.

SimError
├── ScenarioError       there is no such scenario, or one of its values is out of range
├── SourceError         a file cannot be read in the format that was asked for
├── RecordingError      a recording cannot be written, read, or played as asked
├── FaultsError         a fault is unknown, or one of its values is out of range
├── ScoreError          the system cannot be asked how far it is, or a run gave nothing to judge
├── PlotError           a picture cannot be drawn or written
└── BrokerUnavailable   the MQTT broker does not answer, refuses us, or refuses what we send
"""


class SimError(Exception):
    """Base of all errors of the simulator that are reported in one line."""


class ScenarioError(SimError):
    """There is no such scenario, or one of its values is out of range."""


class SourceError(SimError):
    """A file cannot be read in the format that was asked for."""


class RecordingError(SimError):
    """A recording cannot be written, read, or played as asked."""


class FaultsError(SimError):
    """A fault is unknown, or one of its values is out of range."""


class ScoreError(SimError):
    """The system cannot be asked how far it is, or a run gave nothing to judge."""


class PlotError(SimError):
    """A picture cannot be drawn or written."""


class BrokerUnavailable(SimError):
    """The MQTT broker does not answer, refuses us, or refuses what we send."""
