"""The edge of the process: arguments in, exit status out. The only place that turns errors into words and numbers.

0  done, nothing lost            3  done, with loss (gap, drop, cut input)
1  could not do it               4  venue or network
2  wrong usage                   5  contradiction (a checksum, sequence or digest proves something wrong)
130 interrupted before any result
"""

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    import typer.main

    from feedtape.commands import complete
    from feedtape.commands.app import app, command
    from feedtape.errors import FeedtapeError, UsageError
    from feedtape.ui.output import say_error

    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    if complete.ASKED in os.environ:
        offering = complete.unread(typer.main.get_command(app))
        return complete.answer(lambda: offering(words, prog_name="feedtape", standalone_mode=False), os.environ)
    try:
        status = command()(words or ["--help"], prog_name="feedtape", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except FeedtapeError as error:
        if debug:
            raise
        from feedtape.commands.settings import current

        # What is wrong may not have been typed.
        message = current().placed(str(error)) if isinstance(error, UsageError) else str(error)
        say_error(message, error.hint)
        return error.exit_status
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        say_error(error.format_message(), f"{context.command_path if context else 'feedtape'} --help")
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, OSError):
            # Typer's own, when it has shown or installed completion.
            return int(error.code or 0)
        # The reader of our output has gone: that is how `| head` ends us. Typer turns it into an exit of its own. Python would
        # complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the edge of the process: a bug of ours ends in one line, not in a traceback
        if debug:
            raise
        say_error(f"this is a bug: {type(error).__name__}: {error}", "run it again with --debug and report what it prints")
        return 1


def run() -> None:
    """Run as the console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
