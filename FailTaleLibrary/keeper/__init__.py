"""A run's connections and marks, in a process of their own while its tests compute (docs/decisions/0022)."""
