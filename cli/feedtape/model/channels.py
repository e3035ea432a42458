"""What can be asked for of a venue."""

from typing import Final

CHANNELS: Final = ("book", "trades", "quotes", "derivatives", "liquidations", "options")
"""The channels that a user can ask for, by our names. `derivatives` are mark, index, funding and open interest; `options` what
a venue's model says of an option."""
