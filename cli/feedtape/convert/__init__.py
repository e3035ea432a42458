"""Other tools' files: importers, which turn them into tapes.

A format is one module that yields records; `detect` tells formats and venues apart, `importer` writes the tape. What the files
hold is carried over byte for byte and interpreted by the session alone, as a live feed is.
"""
