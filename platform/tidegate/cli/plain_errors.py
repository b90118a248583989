"""How a command tells that something went wrong."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from tidegate.domain.errors import TidegateError

P = ParamSpec("P")


def with_plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Our own errors are messages for people, not stack traces; the exit code is 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except TidegateError as error:
            raise click.ClickException(str(error)) from error

    return guarded
