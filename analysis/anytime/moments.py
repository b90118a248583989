"""Sufficient statistics that merge: count, means and co-moments of one or several columns.

A batch becomes moments once; afterwards a look costs a few additions, whatever the history. The
moments of the whole are exactly the merged moments of its parts, in any order.

Source: Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis and
recommendations". Merging means and centred co-moments keeps the digits that sums of squares lose.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anytime.errors import InvalidCount, InvalidShape, InvalidValue

Vector: TypeAlias = NDArray[np.float64]

_MATRIX = 2  # dimensions: rows are units, columns are measurements


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean vector and co-moment matrix of columns measured on the same units.

    Attributes:
        count: units seen, at least 0.
        mean: length d, the mean of each column; zeros for no unit.
        comoment: d rows of length d, sums over units of products of deviations from the means.

    Raises:
        InvalidCount: the count is negative.
        InvalidShape: the means and co-moments are not of one size.
        InvalidValue: a number is not finite, or the co-moments cannot be (negative diagonal, not
            symmetric, not zero below two units).
    """

    count: int
    mean: tuple[float, ...]
    comoment: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.count) and self.count >= 0):
            raise InvalidCount(f"count == {self.count}, must be a finite count of at least 0")
        if not self.mean or [len(row) for row in self.comoment] != [self.columns] * self.columns:
            raise InvalidShape(f"comoment must be a square of side {self.columns}, at least 1")
        _check_comoment(self.count, np.asarray(self.mean), np.asarray(self.comoment))

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Moments of an array of shape (n,), one column, or (n, d), one row per unit; n >= 0.

        Raises:
            InvalidShape: the array has another number of dimensions, or no column.
            InvalidValue: a value is not finite, or too large for its square.

        Example:
            >>> Moments.of([1.0, 2.0]) + Moments.of([3.0]) == Moments.of([1.0, 2.0, 3.0])
            True
        """
        table = as_table(values)
        count, columns = table.shape
        if count == 0:
            return cls.empty(columns)
        with np.errstate(over="ignore", invalid="ignore"):  # caught by the check that follows
            mean = table.mean(axis=0)
            centred = table - mean
            return cls(count, *_plain(mean, centred.T @ centred))

    @classmethod
    def empty(cls, columns: int) -> Self:
        """Moments of no unit: the neutral element of `+`."""
        return cls(0, (0.0,) * columns, ((0.0,) * columns,) * columns)

    @classmethod
    def from_floats(cls, numbers: Sequence[float]) -> Self:
        """The moments that `to_floats` wrote.

        Raises:
            InvalidShape: the length is not that of any number of columns.
            InvalidCount, InvalidValue: the numbers cannot be moments.
        """
        columns = (math.isqrt(max(4 * len(numbers) - 3, 0)) - 1) // 2  # of 1 + d + d * d numbers
        if columns < 1 or len(numbers) != 1 + columns + columns * columns:
            raise InvalidShape(f"{len(numbers)} numbers, must be 1 + d + d * d for d columns")
        if not math.isfinite(numbers[0]):
            raise InvalidCount(f"count == {numbers[0]}, must be a finite count of at least 0")
        rest = np.asarray(numbers[1:], dtype=np.float64)
        mean, comoment = rest[:columns], rest[columns:].reshape(columns, columns)
        return cls(int(numbers[0]), *_plain(mean, comoment))

    def to_floats(self) -> list[float]:
        """Count, means and co-moments row by row as 1 + d + d * d plain floats, without loss."""
        return [float(self.count), *self.mean, *(entry for row in self.comoment for entry in row)]

    @property
    def columns(self) -> int:
        """How many columns were measured."""
        return len(self.mean)

    def variance(self, column: int = 0) -> float:
        """Unbiased sample variance of a column; 0 below two units.

        Raises:
            InvalidShape: there is no such column.
        """
        if not 0 <= column < self.columns:
            raise InvalidShape(f"column == {column}, must be one of {self.columns}")
        return self.comoment[column][column] / max(self.count - 1, 1)

    def __add__(self, other: "Moments") -> "Moments":
        if self.columns != other.columns:
            raise InvalidShape(f"{self.columns} and {other.columns} columns cannot be merged")
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        mean, comoment = np.asarray(self.mean), np.asarray(self.comoment)
        with np.errstate(over="ignore", invalid="ignore"):  # caught by the check that follows
            step = np.asarray(other.mean) - mean
            between = np.outer(step, step) * (self.count * other.count / count)
            merged = mean + step * (other.count / count)
            total = comoment + np.asarray(other.comoment) + between
        return Moments(count, *_plain(merged, total))

    def mapped(self, matrix: ArrayLike, shift: ArrayLike) -> "Moments":
        """Moments of the columns `matrix @ column + shift`, as if each unit had been mapped.

        Args:
            matrix: shape (e, d), finite.
            shift: shape (e,), finite.

        Raises:
            InvalidShape: the sizes do not fit.
            InvalidValue: a number is not finite, or becomes too large for its square.
        """
        weights, offset = np.asarray(matrix, np.float64), np.asarray(shift, np.float64)
        if weights.ndim != _MATRIX or weights.shape != (len(offset), self.columns):
            raise InvalidShape(f"matrix of shape {weights.shape} for {self.columns} columns")
        if self.count == 0:
            return Moments.empty(len(offset))
        with np.errstate(over="ignore", invalid="ignore"):  # caught by the check that follows
            mean = weights @ np.asarray(self.mean) + offset
            comoment = weights @ np.asarray(self.comoment) @ weights.T
            # Rounding may leave a hair of asymmetry, and a sum of squares a hair below zero.
            comoment = 0.5 * (comoment + comoment.T)
        np.fill_diagonal(comoment, np.maximum(np.diag(comoment), 0.0))
        return Moments(self.count, *_plain(mean, comoment))


def as_table(values: ArrayLike) -> Vector:
    """Values as floats of shape (n, d); one dimension is one column.

    Raises:
        InvalidShape: the array has another number of dimensions, or no column.
        InvalidValue: a value is not finite.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, np.newaxis]
    if table.ndim != _MATRIX or table.shape[1] == 0:
        raise InvalidShape(f"values of shape {np.shape(values)}, must be (n,) or (n, d), d >= 1")
    if not np.isfinite(table).all():
        raise InvalidValue("values must all be finite; decide about missing ones before")
    return table


def _plain(
    mean: Vector, comoment: Vector
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    return tuple(map(float, mean)), tuple(tuple(map(float, row)) for row in comoment)


def _check_comoment(count: int, mean: Vector, comoment: Vector) -> None:
    if not (np.isfinite(mean).all() and np.isfinite(comoment).all()):
        raise InvalidValue("means and co-moments must be finite; is a value too large to square?")
    if (np.diag(comoment) < 0.0).any():
        raise InvalidValue("a co-moment of a column with itself is negative")
    if not np.allclose(comoment, comoment.T, rtol=1e-9, atol=1e-9 * np.diag(comoment).max()):
        raise InvalidValue("co-moments must be symmetric")
    if (count == 0 and mean.any()) or (count <= 1 and comoment.any()):
        raise InvalidValue(f"count == {count}, too few units for these means and co-moments")
