"""The simulation, compiled by numba: one account for each (symbol, parameter set).

The rules are those of docs/assumptions.md, and the comments give their numbers. Imported only inside
functions, because importing numba takes most of a second. No fastmath, no exp or log, no reduction across
threads: the same input gives the same bits on any number of threads.

``accounts`` runs the accounts; ``holding`` passes the days on which nothing can happen to a position, in one
step each; ``bar`` is one bar in full; ``opening`` and ``leaving`` are the ends of a trade; ``margin`` and
``prices`` are formulas; ``runs`` finds where the signals change; ``days`` keeps the daily figures.
"""
