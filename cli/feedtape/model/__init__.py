"""Plain typed values that everything else speaks in. Nothing here reads a clock, a file or a socket."""
