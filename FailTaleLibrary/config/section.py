"""One mapping of the configuration file, as `config.model` and its neighbours declare them."""

from __future__ import annotations

from FailTaleLibrary.schema import Model

EXTENSION = "x-"
"""How a key begins that is nobody's: a place for YAML anchors, in any section."""


class Section(Model):
    """One mapping of the configuration file: frozen, and strict about unknown keys."""

    @classmethod
    def yaml_keys(cls) -> dict[str, str]:
        """What a user may write here: key in YAML -> name in Python.

        Fields that FailTale sets bear an alias in parentheses, which is no key.
        """
        aliases = {field.alias or name: name for name, field in cls.model_fields.items()}
        return {alias: name for alias, name in aliases.items() if not alias.startswith("(")}

    @classmethod
    def prepared(cls, data: object) -> object:
        """A key without a value, as commenting out leaves it, counts as not written; ``x-…`` is left alone."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        if any(str(key).startswith(EXTENSION) for key in data):
            data = {key: item for key, item in data.items() if not str(key).startswith(EXTENSION)}
        if None not in data.values():
            return data
        return {key: item for key, item in data.items() if item is not None or key not in cls.yaml_keys()}
