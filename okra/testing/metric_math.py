"""CloudWatch's statistics and the part of its metric math that checks of rollouts use, for the AWS double."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from moto.cloudwatch.exceptions import ValidationError

Series = dict[float, float]
"""Start of a bucket (epoch seconds) → value. Buckets without data are absent."""

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}


def statistic(name: str, data: Sequence[tuple[float, float, float, float]]) -> float:
    """A CloudWatch statistic over (sum, minimum, maximum, count) of what was published in one bucket."""
    total, count = sum(datum[0] for datum in data), sum(datum[3] for datum in data)
    match name:
        case "Sum":
            return total
        case "SampleCount":
            return count
        case "Average":
            return total / count
        case "Minimum":
            return min(datum[1] for datum in data)
        case "Maximum":
            return max(datum[2] for datum in data)
        case _ if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
            values = sorted(datum[2] for datum in data)
            return values[max(0, math.ceil(float(name[1:]) / 100 * len(values)) - 1)]
        case _:
            raise ValidationError(f"The value {name} for parameter Stat is not supported.")


def evaluate(expression: str, series: Mapping[str, Series], buckets: Sequence[float]) -> Series:
    """One expression over the metrics of a query. A division by zero yields no data, as on AWS."""
    try:
        result = _Math(series, buckets).value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, KeyError, TypeError) as error:
        raise ValidationError(f"Error in expression: {expression} ({error})") from error
    if isinstance(result, list):
        raise ValidationError(f"Error in expression: {expression} is an array")
    return result if isinstance(result, dict) else dict.fromkeys(buckets, result)


class _Math:
    def __init__(self, series: Mapping[str, Series], buckets: Sequence[float]) -> None:
        self._series = series
        self._buckets = buckets

    def value(self, node: ast.expr) -> Series | float | list[Series]:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return self._series[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._pointwise(operator.sub, 0.0, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._pointwise(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.List(elts=elements):
                return [self._one(self.value(element)) for element in elements]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
            case _:
                raise TypeError(f"unsupported: {ast.unparse(node)}")

    def _call(self, name: str, arguments: Sequence[ast.expr]) -> Series | float | list[Series]:
        if name == "METRICS":
            prefix = str(arguments[0].value) if arguments and isinstance(arguments[0], ast.Constant) else ""
            return [series for id, series in self._series.items() if prefix in id]
        values = [self.value(argument) for argument in arguments]
        if name in _EACH:
            return {at: _EACH[name](point) for at, point in self._one(values[0]).items()}
        if name in _OVER:
            return self._reduce(_OVER[name], values[0])
        if name == "RUNNING_SUM":
            points = sorted(self._one(values[0]).items())
            return dict(zip((at for at, _ in points), accumulate(value for _, value in points), strict=True))
        if name == "FILL":
            filled: Series | list[Series] = self._fill(values[0], values[1])
            return filled
        if name == "IF":
            condition, yes, no = (self._one(value) for value in values)
            return {at: chosen[at] for at, test in condition.items() if at in (chosen := yes if test else no)}
        raise KeyError(name)

    def _fill(self, value: Series | float | list[Series], by: Series | float | list[Series]) -> Any:
        if isinstance(value, list):
            return [self._fill(series, by) for series in value]
        filler = self._one(by)
        return {at: self._one(value).get(at, filler[at]) for at in self._buckets}

    def _reduce(self, function: Callable[[Sequence[float]], float], value: Any) -> Series | float:
        """Over an array: bucket by bucket. Over one series: a single number."""
        if isinstance(value, list):
            points = {at: [series[at] for series in value if at in series] for at in self._buckets}
            return {at: float(function(here)) for at, here in points.items() if here}
        return float(function(list(value.values()))) if value else 0.0

    def _pointwise(self, function: Callable[[float, float], float], left: Any, right: Any) -> Series | float:
        if isinstance(left, float) and isinstance(right, float):
            return float(function(left, right))
        a, b = self._one(left), self._one(right)
        result: Series = {}
        for at in a.keys() & b.keys():
            try:
                result[at] = float(function(a[at], b[at]))
            except ZeroDivisionError:
                continue
        return result

    def _one(self, value: Any) -> Series:
        if isinstance(value, list):
            raise TypeError("an array where a series is wanted")
        return value if isinstance(value, dict) else dict.fromkeys(self._buckets, value)
