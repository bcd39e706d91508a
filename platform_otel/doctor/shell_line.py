"""The simple commands of a shell's line. What is not surely understood is refused; a shell is not modelled here."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from platform_otel.doctor.launched import Untold

PROGRAM = "the shell's command line is a program of its own"
# $NAME, $1, ${NAME} and ${NAME:-default}
_PARAMETER = r"\$(?:[A-Za-z_]\w*|\d|\{\w+(?::-[\w./:@%+,=-]*)?\})"
# At the beginning of a word.
_FIRST = r"(?<![^\s;&|])"
_TOKEN = re.compile(
    rf"""(?P<joint>\\\n)
       | (?P<blank>[ \t]+)
       | (?P<redirection>(?:{_FIRST}\d+)?(?:>>|>\||[<>]&|[<>])(?![<>(&|]))
       | (?P<operator>&&|\|\||\|(?!&)|&(?!>)|[;\n])
       | '(?P<single>[^']*)'
       | (?P<parameters>"\$@")
       | "(?P<double>(?:[^"\\`$]|\\.|{_PARAMETER})*)"
       | \\(?P<escaped>[^\n])
       | (?P<parameter>{_PARAMETER})
       | (?P<status>\$[?!])
       | (?P<home>{_FIRST}~(?=/))
       | (?P<bracket>{_FIRST}(?:\[(?=[ \t])|\](?=[\s;&|]|$)))
       | (?P<plain>[^\s\x00'"\\$`;&|<>()*?\[\]{{}}~#][^\s\x00'"\\$`;&|<>()*?\[\]{{}}~]*)
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_IN_QUOTES = re.compile(
    rf"(?P<parameter>{_PARAMETER})|(?P<joint>\\\n)|\\(?P<escaped>[$`\"\\])|(?P<quoted>.)", re.DOTALL
)
# Other names of the file that standard output is.
_STANDARD_OUTPUT = ("1", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/1/fd/1")


class Piece(NamedTuple):
    """Part of a word.

    Args:
        kind: "plain"; "quoted"; "parameter", not in quotes; "quoted parameter"; "parameters" for "$@"; "status" for
            what is known only when the line runs; "home" for ~.
        text: as it is written, without quotes.
    """

    kind: str
    text: str


class Word(tuple[Piece, ...]):
    """What stands between blanks."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """As it is written, without quotes."""
        return "".join(piece.text for piece in self)

    @property
    def is_literal(self) -> bool:
        """Whether it is the same wherever the line runs."""
        return all(piece.kind in ("plain", "quoted") for piece in self)


class Command(NamedTuple):
    """One simple command, without its redirections.

    Args:
        words: its words.
        before: the operator before it, "" for the first.
        after: the operator after it, "" for the last.
        writes_elsewhere: whether it redirects its standard output to another file.
        places: where each of its words begins and ends in the line.
    """

    words: tuple[Word, ...]
    before: str
    after: str
    writes_elsewhere: bool
    places: tuple[tuple[int, int], ...] = ()


def commands(line: str) -> list[Command]:
    """The commands of a line.

    Raises:
        Untold: there is something else in it.
    """
    reader = _Reader()
    at = 0
    while at < len(line):
        token = _TOKEN.match(line, at)
        if token is None or token.lastgroup is None:
            raise Untold(_refusal(line[at:]))
        reader.take(token.lastgroup, token[token.lastgroup], token.span())
        at = token.end()
    reader.take("operator", "")
    return reader.commands


def _refusal(rest: str) -> str:
    is_open = rest[0] in "'\"" and rest[0] not in rest[1:]
    return "the shell's command line has a quotation that does not end" if is_open else PROGRAM


class _Reader:
    """What has been read of a line."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self._before = ""
        self._words: list[Word] = []
        self._word: list[Piece] | None = None
        self._places: list[tuple[int, int]] = []
        self._place = (0, 0)
        self._redirection = ""
        self._writes_elsewhere = False

    def take(self, kind: str, text: str, span: tuple[int, int] = (0, 0)) -> None:
        """One token."""
        if kind == "operator":
            self._end_command(text)
        elif kind == "redirection":
            self._end_word()
            self._redirection = text
        elif kind == "blank":
            self._end_word()
        elif kind != "joint":
            self._place = (span[0] if self._word is None else self._place[0], span[1])
            self._word = [*(self._word or ()), *_pieces(kind, text)]

    def _end_word(self) -> None:
        if self._word is None:
            return
        word, self._word = Word(self._word), None
        if self._redirection:
            self._writes_elsewhere |= _is_elsewhere(self._redirection, word.text)
            self._redirection = ""
        else:
            self._words.append(word)
            self._places.append(self._place)

    def _end_command(self, operator: str) -> None:
        self._end_word()
        if not self._words and not self._writes_elsewhere:
            return  # an empty line, also after && or |
        places = tuple(self._places)
        self.commands.append(Command(tuple(self._words), self._before, operator, self._writes_elsewhere, places))
        self._before, self._words, self._places, self._writes_elsewhere = operator, [], [], False


def _pieces(kind: str, text: str) -> Iterator[Piece]:
    if kind == "double":
        yield Piece("quoted", "")
        for token in _IN_QUOTES.finditer(text):
            if token.lastgroup == "parameter":
                yield Piece("quoted parameter", token["parameter"])
            elif token.lastgroup != "joint":
                yield Piece("quoted", token[token.lastgroup or 0])
    else:
        yield Piece({"single": "quoted", "escaped": "quoted", "bracket": "plain"}.get(kind, kind), text)


def _is_elsewhere(redirection: str, target: str) -> bool:
    """Whether ``> log`` leads standard output to another file."""
    return redirection.startswith((">", "1>")) and target not in _STANDARD_OUTPUT
