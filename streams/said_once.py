"""A trouble that is met at each try is said once. Pure."""


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
