"""Pictures of any size through a generator, exactly, in bounded memory: band after band of rows.

What is local is computed for a band with the few rows around it that it sees (`ops`, `describe`).
Instance norms are not: their statistics are gathered over the whole picture first. `plan` says what
is kept between norms and what is computed again, `run` does it.
"""
