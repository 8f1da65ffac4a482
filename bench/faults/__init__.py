"""Faults in real services on three SSH hosts, with causes that were labelled before any tuning.

`python -m bench.faults` from the root of the project; see `__main__` for what it measures.
"""
