"""A trouble that is met at each try is said once, or once a minute. Pure."""

from collections.abc import Callable

_AGAIN_S = 60.0


class SaidOnce:
    """What hinders something that is tried again without end."""

    def __init__(self) -> None:
        self._trouble = ""

    def __bool__(self) -> bool:
        """Whether it is still hindered, as far as is known."""
        return bool(self._trouble)

    def is_new(self, trouble: str) -> bool:
        """Take note of what hinders it now; return whether that is to be said, as it is not what was said last."""
        new = trouble != self._trouble
        self._trouble = trouble
        return new

    def over(self) -> None:
        """Nothing hinders it any more: the same trouble is said again when it comes back."""
        self._trouble = ""


class SaidSeldom:
    """What hinders something that is tried again without end, and may work in between: said once a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        """When each trouble was said last."""

    def __len__(self) -> int:
        return len(self._said)

    def is_due(self, trouble: str) -> bool:
        """Take note of what hinders it now; return whether that is to be said."""
        now = self._clock()
        self._said = {one: at for one, at in self._said.items() if now - at < _AGAIN_S}
        if trouble in self._said:
            return False
        self._said[trouble] = now
        return True
