"""Answers that many ask for at once."""

from datetime import UTC, datetime, timedelta

from streams.console.same import MOST, Same

POLLED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_as_many_answers_are_kept_as_have_room_and_those_of_the_newest_poll_alone() -> None:
    same, made = Same(), list[str]()

    def ask(question: str, polled_at: datetime = POLLED) -> None:
        def make() -> bytes:
            made.append(question)
            return question.encode()

        assert same.answer(question, polled_at, make) == question.encode()

    questions = [f"limit={number}" for number in range(MOST + 1)]
    for question in [*questions, questions[-1], questions[0]]:
        ask(question)
    assert made == [*questions, questions[0]], "the oldest one made room"
    ask(questions[0], POLLED + timedelta(seconds=1))
    ask(questions[0], POLLED)
    assert made[-2:] == [questions[0]] * 2
