"""The stages that an audit computes anew, in the order of its report."""

from typing import Any

from streams.audit.fleet.stage import FLEET
from streams.audit.requests.stage import REQUESTS
from streams.audit.sensing.stage import SENSING
from streams.audit.stage import Stage

STAGES: tuple[Stage[Any, Any], ...] = (FLEET, SENSING, REQUESTS)
