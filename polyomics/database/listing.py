"""Many numbers in one parameter of a statement: databases limit how many parameters there may be."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Numbers(FunctionElement[int]):
    """The numbers of a JSON array, as a subquery."""

    type = BigInteger()
    name = "numbers"
    inherit_cache = True


@compiles(_Numbers, "sqlite")
def _in_sqlite(element: _Numbers, compiler: Any, **options: Any) -> str:
    return f"(SELECT value FROM json_each{compiler.process(element.clause_expr, **options)})"


@compiles(_Numbers, "postgresql")
def _in_postgresql(element: _Numbers, compiler: Any, **options: Any) -> str:
    array = compiler.process(element.clause_expr, **options)
    return f"(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({array} AS JSON)))"


def is_one_of(column: Any, numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether a column of whole numbers is one of some, however many these are."""
    array = literal(json.dumps([int(one) for one in numbers]), Text())
    test: ColumnElement[bool] = column.op("IN", is_comparison=True)(_Numbers(array))
    return test
