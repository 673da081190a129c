"""Functions that take the settings of a record by keyword: no default is written twice, and help shows them all."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from typing import ParamSpec, TypeVar, get_type_hints

P = ParamSpec("P")
T = TypeVar("T")


def takes(record: type, names: Mapping[str, str] | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a function that ends in `**settings` the signature that spells out the fields of a record.

    `names` are the fields whose parameter has another name, by that name.
    """
    parameter_of = {field: name for name, field in (names or {}).items()}

    def spelled_out(function: Callable[P, T]) -> Callable[P, T]:
        *own, _ = inspect.signature(function).parameters.values()
        types = get_type_hints(record)
        settings = [
            inspect.Parameter(
                parameter_of.get(field.name, field.name),
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default.value if isinstance(field.default, Enum) else field.default,
                annotation=types[field.name],
            )
            for field in fields(record)
        ]
        returned = inspect.signature(function).return_annotation
        function.__signature__ = inspect.Signature([*own, *settings], return_annotation=returned)  # type: ignore[attr-defined]
        return function

    return spelled_out
