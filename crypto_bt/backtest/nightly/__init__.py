"""The night's computation: market frames in, the result tables and the facts of the stamp out.

``compute`` goes through it in order: ``market`` reads what may be known, ``parameter_sets`` says what is
tried, ``signals`` evaluates it, ``sweeping`` simulates all of it into daily equity, ``choosing`` picks on
past days and judges on later ones, ``recording`` simulates the picks again in full, ``tables`` writes down.
"""
