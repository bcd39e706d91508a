"""Regular expressions as Tempo has them, by RE2: the time they take grows with the text, whatever the expression.

Python's own would let a stranger keep a thread busy for years with one short expression. RE2 lets other threads go on.
"""

from __future__ import annotations

from collections.abc import Callable

import re2  # type: ignore[import-untyped]  # it comes without types

# A text of this length takes a good part of a second with the worst of the expressions that fit into this memory, and
# in between nothing can end it. Tempo itself keeps 2,048 bytes of a text.
_LONGEST_TEXT = 10_000
_MOST_MEMORY = 128 * 2**10


class NotRegular(ValueError):
    """The expression is not understood, or too large."""


class Regular:
    """One expression that a whole text matches or not.

    Args:
        check: is called before each text; its exception ends the work.

    Raises:
        NotRegular
    """

    def __init__(self, expression: str, check: Callable[[], object] = bool) -> None:
        self._check = check
        try:
            self._compiled = re2.compile(expression, _options())
        except re2.error as error:
            what = error.args[0]
            shown = what.decode(errors="replace") if isinstance(what, bytes) else what
            raise NotRegular(f"in the regular expression: {shown}") from None

    def matches(self, text: str) -> bool:
        """Whether all of the text matches; of a long one, its beginning."""
        self._check()
        return self._compiled.fullmatch(text[:_LONGEST_TEXT]) is not None


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False  # they would go to stderr
    options.never_capture = True  # what groups match is of no use here, and costs
    # https://github.com/grafana/tempo/blob/main/pkg/regexp/regexp.go takes Prometheus's, where . is a line's end too.
    options.dot_nl = True
    return options
