"""The pictures of the README: the simulated exchange is recorded, and what the screens show of it is saved.

`make pictures` runs it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path("docs/pictures")
BOOKS = ["binance-usdm:BTCUSDT", "binance:BTCUSDT", "okx:BTC-USDT-SWAP", "kraken:BTC/USD"]


def feedtape(*words: str) -> None:
    """Run feedtape as a user would; a loss that was asked for is no failure."""
    status = subprocess.run([sys.executable, "-m", "feedtape", *words], check=False).returncode
    if status not in (0, 3):
        sys.exit(f"feedtape {words[0]} ended with exit status {status}")


def picture(tape: Path, name: str, *words: str) -> None:
    """Save one picture."""
    feedtape("replay", str(tape), "--svg", str(PICTURES / f"{name}.svg"), *words)


def main() -> None:
    """Record, and save every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        busy, faulty, options = (Path(folder) / f"{name}.tape.zst" for name in ("busy", "faulty", "options"))
        feedtape("record", *BOOKS, "--sim", "--channels", "all", "--rate", "40", "-d", "75s", "-o", str(busy), "-q")
        feedtape("record", BOOKS[1], "--sim", "--fault", "drop=0.02", "--rate", "20", "-d", "20s", "-o", str(faulty), "-q")
        feedtape("record", "deribit:BTC", "--chain", "--sim", "-d", "12s", "-o", str(options), "-q")
        picture(busy, "book", "--at", "+70s", "--only", BOOKS[0], "--press", "d")
        picture(busy, "grid", "--at", "+60s", "--size", "140x40")
        picture(busy, "venues", "--at", "+50s", "--size", "100x16", "--press", "v")
        picture(faulty, "gap", "--at", "+1s", "--press", "n f")
        picture(options, "chain", "--at", "+10s", "--chain", "--size", "140x40")


if __name__ == "__main__":
    main()
