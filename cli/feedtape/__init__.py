"""Watch, record and replay crypto market-data feeds, with proof."""

__version__ = "0.1.0"
