import ssl

from feedtape.feed.words import cause_of


def test_an_error_without_words_is_told_by_what_it_came_of() -> None:
    silent = RuntimeError()
    assert cause_of(silent) == "RuntimeError"
    silent.__cause__ = ConnectionResetError()
    assert cause_of(silent) == "ConnectionResetError"
    silent.__cause__.__context__ = ssl.SSLError(1, "no TLS there")
    assert "no TLS there" in cause_of(silent)
    assert cause_of(RuntimeError("said")) == "said"
