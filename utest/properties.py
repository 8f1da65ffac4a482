"""How many examples a property is tried with: all of them while somebody works on it, a quarter in CI.

In CI the examples are the same each time, so that the later ones hardly find what the first ones did not.
"""

from __future__ import annotations

import hypothesis
from needs import is_ci


def examples(count: int) -> hypothesis.settings:
    """At most so many examples of a property, a quarter of them in CI."""
    return hypothesis.settings(max_examples=count // 4 if is_ci() else count)
