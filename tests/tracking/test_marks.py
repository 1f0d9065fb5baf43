"""The protocol by which machines claim: what holds under every order of their reads and writes."""

from collections.abc import Callable
from threading import Lock, Semaphore, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RecordAway
from harness.tracking import marks
from harness.tracking.marks import LONGEST_STEP, SECONDS_TO_DIE, Heart, Mark, Witness, stem

KEY = "trial"


class Memory:
    """A board in memory; `before` is called before each read or write."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.marks: dict[str, str] = {}
        self.before = before

    def read(self) -> dict[str, str]:
        self.before()
        return dict(self.marks)

    def write(self, key: str, text: str) -> None:
        self.before()
        self.marks[key] = text

    def remove(self, key: str) -> None:
        self.before()
        self.marks.pop(key, None)


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "TIE", 0.0)


def claim(board: Memory, place: str, witness: Witness | None = None) -> Mark | None:
    return marks.try_to_mark(board, KEY, place, witness or Witness())


class Steps:
    """Threads of which one at a time makes one step at a board, in an order that is chosen."""

    def __init__(self, boards: int, work: Callable[[Memory, int], None]) -> None:
        self._reached = Semaphore(0)
        self._may = [Semaphore(0) for _ in range(boards)]
        self.ended = [False] * boards
        shared = Memory()
        self._threads = [
            Thread(target=self._run, args=(number, shared.marks, work)) for number in range(boards)
        ]
        for thread in self._threads:
            thread.start()
            self._reached.acquire()

    def step(self, choice: int) -> None:
        """Let one of those that have not ended make its next step."""
        alive = [number for number, ended in enumerate(self.ended) if not ended]
        self._may[alive[choice % len(alive)]].release()
        self._reached.acquire()

    def _run(self, number: int, texts: dict[str, str], work: Callable[[Memory, int], None]) -> None:
        def pause() -> None:
            self._reached.release()
            self._may[number].acquire()

        board = Memory(pause)
        board.marks = texts
        work(board, number)
        self.ended[number] = True
        self._reached.release()


@given(st.integers(2, 4), st.lists(st.integers(0, 11), min_size=60, max_size=60))
def test_under_every_order_of_reads_and_writes_at_most_one_holds_a_key(
    claimants: int, choices: list[int]
) -> None:
    holders, most, guard = [0], [0], Lock()

    def work(board: Memory, number: int) -> None:
        for _ in range(2):
            mark = claim(board, f"machine {number}")
            if mark is not None:
                with guard:
                    holders[0] += 1
                    most[0] = max(most[0], holders[0])
                board.read()  # what is done meanwhile takes its time
                with guard:
                    holders[0] -= 1
                mark.remove()

    steps = Steps(claimants, work)
    while not all(steps.ended):
        steps.step(choices.pop() if choices else 0)
    assert most[0] <= 1


def test_who_is_alone_holds_a_key_until_it_lets_go() -> None:
    board = Memory()
    mark = claim(board, "one")
    assert mark is not None
    assert claim(board, "two") is None
    assert marks.try_to_mark(board, "another", "two", Witness()) is not None
    assert mark.remove()
    assert claim(board, "two") is not None


def test_a_mark_of_the_same_place_is_of_a_dead_process_for_who_holds_the_place_s_lock() -> None:
    board = Memory()
    assert claim(board, "here") is not None
    assert claim(board, "here") is not None
    assert len(board.marks) == 1


def test_a_dead_holder_s_mark_is_removed_once_it_stood_still_long_enough() -> None:
    board, clock = Memory(), Clock()
    witness = Witness(clock)
    assert claim(board, "one") is not None
    looks = 0
    while claim(board, "two", witness) is None:
        looks += 1
        clock.now += 5
    assert clock.now == SECONDS_TO_DIE
    assert looks == SECONDS_TO_DIE / 5


@given(st.lists(st.floats(0.1, 1000), max_size=50))
def test_a_holder_that_beats_between_looks_is_never_taken_for_dead(pauses: list[float]) -> None:
    board, clock = Memory(), Clock()
    witness, mark = Witness(clock), claim(board, "one")
    assert mark is not None
    for pause in pauses:
        clock.now += pause
        mark.beat()
        assert claim(board, "two", witness) is None


@given(st.lists(st.floats(20, 100_000), max_size=int(SECONDS_TO_DIE // LONGEST_STEP) - 1))
def test_time_between_looks_that_are_far_apart_hardly_counts(pauses: list[float]) -> None:
    """The store, or the way to it, may have been away meanwhile, for the holder as well."""
    board, clock = Memory(), Clock()
    witness = Witness(clock)
    assert claim(board, "one") is not None
    for pause in pauses:
        clock.now += pause
        assert claim(board, "two", witness) is None


def test_one_that_was_taken_for_dead_does_not_come_back() -> None:
    board = Memory()
    mark = claim(board, "one")
    assert mark is not None
    board.marks.clear()
    mark.beat()
    assert board.marks == {}


def test_a_claim_that_breaks_down_leaves_no_mark() -> None:
    class Failing(Memory):
        def read(self) -> dict[str, str]:
            if self.marks:
                raise RecordAway("away")
            return {}

    board = Failing()
    with pytest.raises(RecordAway):
        claim(board, "one")
    assert board.marks == {}


def test_one_thread_beats_for_all_and_takes_back_later_what_a_store_that_is_away_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marks, "SECONDS_BETWEEN_BEATS", 0.01)
    away = [False]

    def check() -> None:
        if away[0]:
            raise RecordAway("away")

    board, heart = Memory(check), Heart()
    held = [marks.try_to_mark(board, key, "here", Witness()) for key in "abc"]
    assert None not in held
    kept: list[Any] = held
    for mark in kept:
        heart.hold(mark)
    until(lambda: all(int(text.split()[-1]) > 2 for text in board.marks.values()))
    away[0] = True
    heart.let_go(kept[0])
    assert len(board.marks) == 3
    away[0] = False
    until(lambda: len(board.marks) == 2)
    assert kept[0].key not in board.marks


def until(holds: Callable[[], bool]) -> None:
    from time import monotonic, sleep

    end = monotonic() + 30
    while not holds():
        assert monotonic() < end
        sleep(0.005)


@pytest.mark.parametrize("key", ["a" * 300, "a.b", "ä", "a b/c"])
def test_keys_that_a_store_refuses_or_that_another_one_begins_with_are_digested(key: str) -> None:
    assert len(stem(key)) < 250
    assert stem(key).count(".") == 2
    assert stem(key) != stem(key + "x")
