"""What lies on top of a screen for a while: the help, and a line to type something into."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from feedtape.ui.draw.help import help_rows
from feedtape.ui.keymap import Key
from feedtape.ui.screen.canvas import Canvas


class Help(ModalScreen[None]):
    """All keys of a screen; any key that does not scroll closes it."""

    CSS: ClassVar[str] = """
    Help { align: center middle; }
    #page { width: 86; max-width: 100%; height: 100%; border: round $primary; padding: 0 1; background: $background;
        scrollbar-gutter: stable; }
    #page Canvas { width: 1fr; }
    """
    _SCROLLS = frozenset({"up", "down", "pageup", "pagedown", "home", "end"})

    def __init__(self, table: Sequence[Key], screen: str, parts: Sequence[str], styles: Mapping[str, Style]) -> None:
        """Prepare; `parts` are those that the screen has now, as the legend names them."""
        super().__init__()
        self._table = table
        self._parts = parts
        self._of = screen
        self._styles = styles

    def compose(self) -> ComposeResult:
        """Make the page."""
        with VerticalScroll(id="page"):
            yield Canvas(id="help")

    def on_mount(self) -> None:
        """Write it."""
        canvas = self.query_one("#help", Canvas)
        canvas.repaint(self._styles)
        self.call_after_refresh(self._write)
        self.query_one("#page").focus()

    def on_resize(self) -> None:
        """Write it anew."""
        self.call_after_refresh(self._write)

    def _write(self) -> None:
        canvas = self.query_one("#help", Canvas)
        rows = help_rows(self._table, self._of, max(20, canvas.size.width), self._parts)
        canvas.styles.height = len(rows)
        canvas.show(rows)

    def on_key(self, event: events.Key) -> None:
        """Close, but for keys that scroll."""
        # What was pressed in the instant of closing comes here still, and is for what lay below.
        if event.key not in self._SCROLLS and self.app.screen is self:
            event.stop()
            self.dismiss()

    def on_click(self) -> None:
        """Close."""
        if self.app.screen is self:
            self.dismiss()


class Prompt(ModalScreen[str | None]):
    """Asks for a line of text; escape gives none."""

    CSS: ClassVar[str] = """
    Prompt { align: center bottom; background: $background 0%; }
    Prompt Label { width: 100%; padding: 0 1; background: $panel; }
    Prompt Input { width: 100%; border: none; height: 1; padding: 0 1; background: $panel; }
    """

    def __init__(self, label: str, example: str, text: str = "") -> None:
        super().__init__()
        self._label = label
        self._example = example
        self._text = text

    def compose(self) -> ComposeResult:
        """Make the line."""
        yield Label(self._label)
        yield Input(self._text, placeholder=self._example)

    def on_mount(self) -> None:
        """Let it be typed into."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over what was typed."""
        event.stop()
        self._close(event.value)

    def on_key(self, event: events.Key) -> None:
        """Close without a text."""
        if event.key in ("escape", "ctrl+c"):
            event.stop()
            self._close(None)

    def _close(self, text: str | None) -> None:
        if self.app.screen is self:
            self.dismiss(text)
