"""What waits for a stage's thread: its order, what of one kind is done at once, and what is given up."""

from collections.abc import Callable

from feedtape.ui.moves import Job, Moves


def run(job: Job) -> None:
    job()


def done(moves: Moves) -> None:
    """Do all that waits."""
    while (job := moves.next(0)) is not None:
        job()


def test_what_is_asked_for_is_done_in_its_order() -> None:
    moves, seen = Moves(), list[str]()
    for name in "abc":
        moves.do(lambda name=name: seen.append(name))  # type: ignore[misc]
    assert moves.waiting == 3 and not moves.are_done
    done(moves)
    assert seen == ["a", "b", "c"] and moves.are_done


def test_moves_of_one_kind_that_follow_each_other_are_one() -> None:
    moves, seen = Moves(), list[int]()

    def step(by: int) -> None:
        moves.ask(seen.append, run, kind="step", by=by)

    step(1)
    step(2)
    step(-1)
    step(-4)
    moves.ask(lambda _: seen.append(100), run)
    step(-1)
    done(moves)
    assert seen == [3, -5, 100, -1]


def test_of_moves_to_a_place_the_latest_alone_is_done() -> None:
    moves, seen = Moves(), list[str]()
    for name in "abc":
        moves.ask(lambda _, name=name: seen.append(name), run, kind="seek")  # type: ignore[misc]
    done(moves)
    assert seen == ["c"]
    # One that is under way takes no other with it.
    moves.ask(lambda _: moves.ask(lambda _: seen.append("later"), run, kind="seek"), run, kind="seek")
    done(moves)
    assert seen == ["c", "later"]


def test_what_is_given_up_is_not_begun_and_the_next_one_is() -> None:
    moves, seen = Moves(), list[str]()
    moves.ask(lambda _: seen.append("given up"), run)
    moves.do(lambda: seen.append("job"))
    moves.give_up()
    moves.ask(lambda _: seen.append(f"next {moves.is_alive()}"), run)
    done(moves)
    assert seen == ["job", "next True"]

    def stopped(_: int) -> None:
        moves.give_up()
        seen.append(f"alive {moves.is_alive()}")

    moves.ask(stopped, run)
    done(moves)
    assert seen[-1] == "alive False"


def test_what_moves_is_put_off_by_who_may_not_move_and_comes_before_all_else() -> None:
    moves, seen = Moves(), list[str]()
    moves.do(lambda: seen.append("picture"), moves=False)
    moves.ask(lambda _: seen.append("move"), run)
    moves.do(lambda: seen.append("last"), moves=False)
    stays: Callable[[], Job | None] = lambda: moves.next_that_stays(0)  # noqa: E731
    picture = stays()
    assert picture is not None and not moves.has_put_off
    assert stays() is None and moves.has_put_off and stays() is None and moves.waiting == 2
    done(moves)
    assert seen == ["move", "last"]


def test_after_the_end_nothing_is_begun() -> None:
    moves, seen = Moves(), list[str]()
    moves.ask(lambda _: seen.append("move"), run)
    moves.end()
    done(moves)
    assert not seen and moves.are_over
