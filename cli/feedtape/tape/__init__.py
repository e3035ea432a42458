"""The tape: a zstd file of lines that a person can read without this program. `docs/tape-format.md` is the specification.

`format` turns records into bytes and back and touches no file; `writer` and `reader` do.
"""
