"""A memory of bounded size."""

from streams.alerts.recent import Recent


def test_what_was_put_longest_ago_goes_first() -> None:
    memory: Recent[str, int] = Recent(2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.put("a", 3)
    memory.put("c", 4)
    assert [memory.get(key) for key in "abc"] == [3, None, 4]
    assert len(memory) == 2


def test_what_was_dropped_is_gone() -> None:
    memory: Recent[str, int] = Recent(2)
    memory.put("a", 1)
    memory.drop("a")
    memory.drop("a")
    assert memory.get("a") is None
