"""The order book, its digest, and the proofs: what can be said of a book's truth, and why."""
