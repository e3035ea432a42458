"""A stranger's words, fit for a terminal."""

from feedtape.model.secrets import redact

_READ = 4096
MESSAGE_LENGTH = 300


def plain(text: str) -> str:
    """Return a stranger's text as one printable line of bounded length, without what looks like a credential."""
    text = redact(text[:_READ])[: MESSAGE_LENGTH + 1]
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= MESSAGE_LENGTH else shown[:MESSAGE_LENGTH] + "…"


def cause_of(error: BaseException) -> str:
    """Return an error as a line for people; of one that says nothing, what it came of, or at last its name."""
    while not str(error) and (before := error.__cause__ or error.__context__) is not None:
        error = before
    return plain(str(error)) or type(error).__name__
