"""The simulated exchange: a seeded market spoken in venues' own protocols, with faults on request.

Written from the protocol sheets and independent of `feedtape.venues` and `feedtape.book`, so that it can
be the referee of both: it knows the true book at every update id.
"""
