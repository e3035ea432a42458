"""A stranger's words, fit for a terminal."""

MESSAGE_LENGTH = 300


def plain(text: str) -> str:
    """Return a stranger's text as one printable line of bounded length."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: MESSAGE_LENGTH + 1])
    return shown if len(shown) <= MESSAGE_LENGTH else shown[:MESSAGE_LENGTH] + "…"


def cause_of(error: BaseException) -> str:
    """Return an error as a line for people; some exceptions say nothing but their name."""
    return plain(str(error)) or type(error).__name__
