"""The leader of a consumer group on Tansu does not say that it leaves: it falls silent, and the broker misses it.

Tansu 0.6 keeps the leader that leaves while the group is rebalancing, though it is no member any more. Nobody else
becomes leader from then on, so nobody is given a partition, those who join later neither, until the broker ends. One
that is missed after the session timeout is replaced. See ADR 0030.
"""

import logging
from typing import Any

from aiokafka.protocol.group import JoinGroupRequest

log = logging.getLogger(__name__)


class SilentLeader:
    """Keeps a member that may be the leader of its group from leaving it with a word.

    `coordinator`: the GroupCoordinator of a started aiokafka consumer that has not subscribed yet.
    """

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._may_lead = False
        self._send, coordinator._send_req = coordinator._send_req, self._send_req
        self._leave, coordinator._maybe_leave_group = coordinator._maybe_leave_group, self._maybe_leave_group

    async def _send_req(self, request: Any) -> Any:
        if not isinstance(request, JoinGroupRequest):
            return await self._send(request)
        self._may_lead = True  # the broker may have made it leader, though its answer is lost
        answer = await self._send(request)
        self._may_lead = answer.leader_id == answer.member_id
        return answer

    async def _maybe_leave_group(self) -> None:
        if not self._may_lead:
            await self._leave()
            return
        log.info(
            "%s leads its group and ends without LeaveGroup; Tansu removes it after the session timeout",
            self._coordinator.member_id,
        )
        self._coordinator.reset_generation()
