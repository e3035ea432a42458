"""Venues: one module each, pure protocol knowledge. `registry` finds them; `contract` is what each must offer."""
