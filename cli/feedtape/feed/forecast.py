"""What a recording will take of a venue: connections, subscriptions, the time to start, and which limit decides.

The same windows that pace the recording are asked here, with a clock that is turned by hand. The network's own time is not
in it: a handshake here, an answer there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from feedtape.errors import UsageError
from feedtape.feed.pace import CONNECT_SHARE, MESSAGE_SHARE, WEIGHT_SHARE, Attempts, Messages, WeightBudget
from feedtape.model.targets import Target
from feedtape.venues.contract import ConnectionPlan, Rate, Venue


@dataclass
class _Hand:
    """A clock that goes on when somebody sleeps."""

    time: float = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


@dataclass(frozen=True)
class Forecast:
    """What recording some targets of one venue takes.

    Attributes:
        plans: the connections, one lane of them.
        lanes: how many times each is made.
        messages: subscribe messages in all.
        snapshots: REST snapshots of books; `snapshot_weight` is their weight together.
        subscribed_s: until the last stream is asked for; `connected_s` until the last connection is begun.
        snapshots_s: until the last snapshot is asked for.
        split_by: the limit that decides how many connections there are, in words; empty where one carries all.
        bound_by: the limit that decides how long it takes, in words; empty where none does.
    """

    venue: str
    targets: int
    plans: list[ConnectionPlan]
    lanes: int
    messages: int
    snapshots: int
    snapshot_weight: int
    connected_s: float
    subscribed_s: float
    snapshots_s: float
    split_by: str = ""
    bound_by: str = ""
    connections: int = field(init=False)
    streams: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "connections", len(self.plans) * self.lanes)
        object.__setattr__(self, "streams", sum(len(plan.streams) for plan in self.plans) * self.lanes)

    @property
    def start_s(self) -> float:
        """Until everything is asked for."""
        return max(self.subscribed_s, self.snapshots_s)


def check_open(venue: Venue) -> None:
    """Refuse a venue that is no more.

    Raises:
        UsageError: when it is closed.
    """
    if venue.closed:
        raise UsageError(f"{venue.name} is closed: {venue.closed}", hint="its tapes replay, its captures import")


def check_limits(venue: Venue, plans: Sequence[ConnectionPlan], lanes: int) -> None:
    """Refuse a plan that the venue does not allow.

    Raises:
        UsageError: when it takes more connections or streams than an address may have.
    """
    limits = venue.limits
    needed, streams = len(plans) * lanes, sum(len(plan.streams) for plan in plans) * lanes
    if limits.connections is not None and needed > limits.connections:
        what = f"{needed} connections, and the venue allows {limits.connections} from one address"
        raise UsageError(f"{venue.name}: that takes {what}", hint="record fewer targets or channels")
    if limits.streams_in_all is not None and streams > limits.streams_in_all:
        what = f"{streams} streams, and the venue allows {limits.streams_in_all} from one address"
        raise UsageError(f"{venue.name}: that takes {what}", hint="record fewer targets or channels")


async def forecast(venue: Venue, targets: Sequence[Target], channels: Sequence[str], lanes: int = 1) -> Forecast:
    """Foretell the recording of targets that are spelled as the venue spells them.

    Raises:
        UsageError: when the venue does not allow it.
    """
    plans = venue.plan(targets, channels)
    check_limits(venue, plans, lanes)
    begun, asked = _Hand(), 0.0
    together = _Hand()
    attempts = Attempts(venue.limits, now=begun.now, sleep=begun.sleep)
    in_all = Messages(venue.limits.messages_in_all, now=together.now, sleep=together.sleep)
    messages = 0
    for plan in [plan for plan in plans for _ in range(lanes)]:
        await attempts.wait()
        own = _Hand(begun.time)
        paced = Messages(venue.limits.messages, now=own.now, sleep=own.sleep)
        count = len(venue.opening()) + len(venue.subscribe(plan.names, 1))
        messages += count
        for _ in range(count):
            await paced.wait()
            together.time = max(together.time, own.time)
            await in_all.wait()
            own.time = max(own.time, together.time)
        asked = max(asked, own.time)
    snapshots, weight, fetched = await _snapshots(venue, targets if "book" in channels else [])
    return Forecast(
        venue=venue.name,
        targets=len(targets),
        plans=plans,
        lanes=lanes,
        messages=messages,
        snapshots=snapshots,
        snapshot_weight=weight,
        connected_s=begun.time,
        subscribed_s=asked,
        snapshots_s=fetched,
        split_by=_split_by(venue, plans),
        bound_by=_bound_by(venue, begun.time, asked, fetched),
    )


async def _snapshots(venue: Venue, targets: Sequence[Target]) -> tuple[int, int, float]:
    """How many snapshots are fetched, their weight, and how long the budget takes to allow them."""
    hand = _Hand()
    budget = WeightBudget(venue.limits.rest, now=hand.now, sleep=hand.sleep)
    count = weight = 0
    for target in targets:
        request = venue.snapshot_request(target.symbol)
        if request is None or venue.integrity(target.channel).snapshot != "rest":
            continue
        count += 1
        weight += request.weight
        await budget.spend(request.weight)
    return count, weight, hand.time


def _split_by(venue: Venue, plans: Sequence[ConnectionPlan]) -> str:
    limits, paths = venue.limits, {plan.path for plan in plans}
    if len(plans) <= len(paths):
        return "the venue serves them by different addresses" if len(paths) > 1 else ""
    streams = [stream for plan in plans for stream in plan.streams]
    needed = {f"{limits.streams} streams a connection": ceil(len(streams) / limits.streams)}
    if limits.books is not None:
        books = sum(stream.channel == "book" for stream in streams)
        needed[f"{limits.books} books a connection"] = ceil(books / limits.books)
    if limits.streams_bytes is not None:
        size = sum(len(stream.name) for stream in streams)
        needed[f"{limits.streams_bytes} characters of stream names a connection"] = ceil(size / limits.streams_bytes)
    return max(needed, key=lambda name: needed[name])


def _bound_by(venue: Venue, connected_s: float, asked_s: float, fetched_s: float) -> str:
    limits = venue.limits
    if not max(connected_s, asked_s, fetched_s):
        return ""
    if fetched_s > asked_s:
        return f"REST weight: {_words(limits.rest)}, of which {WEIGHT_SHARE:.0%} are used"
    if connected_s > asked_s - connected_s:
        return f"connects: {_words(limits.connects)}, of which {CONNECT_SHARE:.0%} are used"
    rates = limits.messages_in_all or limits.messages
    slowest = max(rates, key=lambda rate: rate.window_s / rate.count)
    return f"messages: {_words(slowest)}, of which {MESSAGE_SHARE:.0%} are used"


def _words(rate: Rate) -> str:
    return f"{rate.count} in {rate.window_s:g} s"
