"""Fuzz one target, guided by coverage: `run.py TARGET [libFuzzer options] [CORPUS...]`; without one, list them."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> None:
    """Run the fuzzer; it ends the process itself."""
    sys.path[0] = str(HERE.parent)
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["feedtape"]):
        targets = importlib.import_module("fuzz.targets").TARGETS
    if len(arguments) < 2:
        sys.stdout.write("\n".join(targets) + "\n")
        return
    name, *options = arguments[1:]
    corpus = HERE / "corpus" / name
    corpora = [str(corpus)] if corpus.is_dir() else []
    atheris.Setup([arguments[0], "-timeout=10", "-rss_limit_mb=4096", *options, *corpora], targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
