"""Live trades against the backtest's: what was matched, missed and extra, and what the costs differ by.

In order: ``table`` reads cells, ``fills`` and ``listed_trades`` turn a file into fills or trades,
``round_trips`` builds trades of fills, ``funding_paid`` gives them their funding, ``matching`` pairs them
with the backtest's, ``differences`` and ``summary`` say what the pairs differ by. ``compare`` does it all.
"""
