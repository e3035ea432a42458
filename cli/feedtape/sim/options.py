"""What a simulated venue's model says of an option, and the options that an underlying has.

Prices are those of Black and Scholes without interest, at volatilities that smile, so that they, the volatilities and the greeks
fit together: a call and a put of one strike differ by what the forward is above it. All options on a coin see the same forward,
which wanders as steps go by. Time to expiry counts from a day that stays, so that the same symbol is always the same market.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from feedtape.errors import UsageError

from .instrument import milli_price

_SYMBOL: Final = re.compile(
    r"(?P<base>[A-Z0-9]+)(?:_[A-Z]+|-USD[CT]?)?-(?:(?P<number>\d{6})|(?P<word>\d{1,2}[A-Z]{3}\d\d))-(?P<strike>[\d.d]+)-(?P<right>[CP])(?:-.*)?"
)
_COIN: Final = re.compile(r"([A-Z0-9]+?)(?:USD[CT]?$|[^A-Z0-9]|$)")
_LISTED: Final = datetime(2026, 9, 1, 8, tzinfo=UTC)
_LEAST_YEARS: Final = 7 / 365
_DAYS: Final = (7, 28, 91)
"""How far away the expiries of a chain are, about."""
_STRIKES: Final = (-3, -2, -1, 0, 1, 2, 3)
_SPREAD: Final = 0.012
"""How far the volatility of a bid or an ask is from the middle."""
_PATTERNS: Final = {
    "deribit": "{base}-{day.day}{month}{day:%y}-{strike}-{right}",
    "okx": "{base}-USD-{day:%y%m%d}-{strike}-{right}",
    "bybit-option": "{base}-{day.day}{month}{day:%y}-{strike}-{right}-USDT",
    "binance-options": "{base}-{day:%y%m%d}-{strike}-{right}",
}


class Model(NamedTuple):
    """What a model says of an option, in US dollars; theta is of a day, vega and rho of one per cent."""

    forward: float
    price: float
    iv: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float

    @property
    def bid_iv(self) -> float:
        """The volatility of who bids."""
        return self.iv - _SPREAD

    @property
    def ask_iv(self) -> float:
        """The volatility of who asks."""
        return self.iv + _SPREAD


def model(symbol: str, steps: int = 0) -> Model:
    """Return what the model says of an option, by any venue's name of it, after some steps of the market.

    Raises:
        UsageError: when there cannot be such an option.
    """
    match = _SYMBOL.fullmatch(symbol)
    try:
        if match is None:
            raise ValueError(symbol)
        number, word = match["number"], match["word"]
        end = datetime.strptime(number, "%y%m%d") if number else datetime.strptime(word.title(), "%d%b%y")
        strike, is_call = float(match["strike"].replace("d", ".")), match["right"] == "C"
        return _smiling(match["base"], strike, end.replace(hour=8, tzinfo=UTC), steps, is_call=is_call)
    except ValueError as error:
        # A day that no calendar has, or a strike of zero, whose logarithm there is not.
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC-25DEC26-100000-C") from error


def ticks(dollars: float, digits: int) -> int:
    """Return where a market for something of that price begins, in ticks of as many digits: at no less than a few of them."""
    return max(5, round(dollars * 10.0**digits))


def _smiling(base: str, strike: float, end: datetime, steps: int, *, is_call: bool) -> Model:
    forward = milli_price(base) / 1000 * (1 + 0.003 * math.sin(steps / 40))
    years = max(_LEAST_YEARS, (end - _LISTED).total_seconds() / (365 * 86400))
    skew = math.log(strike / forward) / math.sqrt(years)
    iv = min(3.0, 0.48 + 0.06 / (1 + 10 * years) - 0.05 * skew + 0.11 * skew * skew)
    return _priced(forward, strike, years, iv, is_call=is_call)


def _priced(forward: float, strike: float, years: float, iv: float, *, is_call: bool) -> Model:
    deviation = iv * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    call = forward * _below(d1) - strike * _below(d1 - deviation)
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    price = call if is_call else call - forward + strike
    return Model(
        forward,
        max(0.0, price),
        iv,
        _below(d1) if is_call else _below(d1) - 1,
        density / (forward * deviation),
        forward * density * math.sqrt(years) / 100,
        -forward * density * iv / (2 * math.sqrt(years)) / 365,
        -years * price / 100,
    )


def _below(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2


def chain(venue: str, underlying: str, now: datetime) -> tuple[str, ...]:
    """Return symbols of options on a coin: some expiries, Fridays all of them, and strikes around what it costs.

    `underlying` is the coin or a pair in any spelling; `now` is when the venue lists them.

    Raises:
        UsageError: when the venue's dialect has no options.
    """
    pattern = _PATTERNS.get(venue)
    if pattern is None:
        raise UsageError(f"the simulated {venue} has no options", hint=f"these have: {', '.join(_PATTERNS)}")
    coin = _COIN.match(underlying.upper())
    if coin is None:
        raise UsageError(f"the simulated {venue} has no options on {underlying!r}", hint="write it like BTC")
    return tuple(_symbols(pattern, coin[1], now))


def _symbols(pattern: str, base: str, now: datetime) -> Iterator[str]:
    spot = milli_price(base) / 1000
    step = 10 ** math.floor(math.log10(spot / 8))
    # A tenth of the price, on a round number.
    step *= next(round_one for round_one in (1, 2, 5, 10) if round_one * step >= spot / 16)
    for days in _DAYS:
        day = now + timedelta(days=days)
        day += timedelta(days=(4 - day.weekday()) % 7)
        for number in _STRIKES:
            strike = f"{(round(spot / step) + number) * step:.10g}"
            for right in "CP":
                yield pattern.format(base=base, day=day, month=f"{day:%b}".upper(), strike=strike, right=right)
