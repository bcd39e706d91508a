"""What the documentation says is there is there, and what is there is documented."""

from __future__ import annotations

import ast
import importlib.util
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from typing import NamedTuple

import pytest

from platform_otel.config import COMMANDS, OPTIONS, SETTINGS
from platform_otel.instrumentation.catalog import CATALOG
from platform_otel.process import kubernetes
from tests.support import LAUNCHER, NOT_SAMPLED, PATIENCE, SCRIPTS, environment, free_port, run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


class Block(NamedTuple):
    """A fenced block: its page, what stands behind the fence, and its lines."""

    page: Path
    info: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [Block(page, info, text) for info, text in found]


BLOCKS = [block for page in PAGES for block in blocks(page)]


# --- the generated pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/generate.py, at work on a copy of the reference."""
    monkeypatch.syspath_prepend(DOCS)
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copytree(REFERENCE, tmp_path / "reference")
    monkeypatch.setattr(module, "REFERENCE", tmp_path / "reference")
    return module


def test_the_generated_pages_are_up_to_date() -> None:
    outcome = run(sys.executable, DOCS / "generate.py", "--check")

    assert (outcome.returncode, outcome.stderr) == (0, "")


GENERATED = ["settings.md", "command-line.md", "supported-libraries.md", "platforms.md", "doctor.md"]


def test_every_page_that_names_the_generator_is_generated(generator: ModuleType) -> None:
    named = [page.name for page in REFERENCE.glob("*.md") if "docs/generate.py" in text_of(page)]

    assert sorted(named) == sorted(generator.PAGES) == sorted(GENERATED)


@pytest.mark.parametrize("name", GENERATED)
def test_a_line_that_is_missing_from_a_generated_page_is_noticed(
    generator: ModuleType, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    page = generator.REFERENCE / name
    lines = text_of(page).splitlines(keepends=True)
    noticed = []
    for number in range(len(lines)):
        page.write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        noticed.append(generator.main(["--check"]))

    assert noticed == [1] * len(lines)
    assert f"Error: {name} is not up to date" in capsys.readouterr().err


def test_writing_the_pages_puts_right_what_is_wrong(generator: ModuleType) -> None:
    (generator.REFERENCE / "settings.md").write_text("nothing", encoding="utf-8")
    (generator.REFERENCE / "command-line.md").unlink()

    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize("name", [row[0] for row in SETTINGS])
def test_every_setting_has_its_line(name: str) -> None:
    assert f"\n| `{name}` |" in text_of(REFERENCE / "settings.md")


def test_every_option_and_every_command_has_its_place() -> None:
    page = text_of(REFERENCE / "command-line.md")

    assert [option for option, *_ in OPTIONS if f"\n| `{option}` |" not in page] == []
    assert [command for command, _ in COMMANDS if f"\n### `platform-trace {command}`\n" not in page] == []


@pytest.mark.parametrize(
    "command", [(), *((name,) for name, _ in COMMANDS)], ids=lambda words: " ".join(words) or "plain"
)
def test_every_option_that_help_shows_is_documented(command: tuple[str, ...]) -> None:
    shown = run(LAUNCHER, *command, "--help").stdout
    options = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE)
    page = text_of(REFERENCE / "command-line.md")

    assert "--help" in options
    assert [option for option in options if f"\n| `{option}` |" not in page] == []


def test_every_library_has_its_line() -> None:
    page = text_of(REFERENCE / "supported-libraries.md")

    assert [row.library for row in CATALOG if f"\n| `{row.library}` |" not in page] == []


# --- links and variables ----------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The ids that headings get: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)) if "://" not in link]
    targets = [(link, page.parent / link.partition("#")[0] if link[0] != "#" else page) for link in links]
    broken = [link for link, path in targets if not path.exists()]
    lost = [link for link, path in targets if "#" in link and link.partition("#")[2] not in anchors(path)]

    assert (broken, lost) == ([], [])


def test_every_page_is_in_the_index() -> None:
    linked = re.findall(r"\]\(([^)\s]+\.md)\)", text_of(DOCS / "README.md"))

    assert sorted(linked) == sorted(str(page.relative_to(DOCS)) for page in DOCS.glob("*/*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    known = {row[0] for row in SETTINGS} | PLATFORMS
    named = re.findall(r"\b(?:OTEL|PLATFORM_TRACE)_[A-Z0-9_]*[A-Z0-9]\b(?!_)", text_of(page))

    assert sorted(set(named) - known) == []


# Those that the operator sets for the downward API.
PLATFORMS = {variable for _, variables in kubernetes.ANYWHERE for variable in variables}


@pytest.mark.parametrize("module", ["cloud", "kubernetes", "resource", "service_name"])
def test_every_variable_that_is_read_of_a_platform_is_on_its_page(module: str) -> None:
    tree = ast.parse(text_of(ROOT / "platform_otel" / "process" / f"{module}.py"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    variables = {word for word in words if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|APP|RENDER|HOSTNAME", word)}
    page = text_of(REFERENCE / "platforms.md")

    assert sorted(variable for variable in variables if f"`{variable}`" not in page) == []


# --- the examples -----------------------------------------------------------------------------------------------------


class Example(NamedTuple):
    """A command of a `console test` block and what it prints: "..." stands for any text, alone on a line for lines."""

    page: Path
    command: str
    expected: str


def examples() -> Iterator[Example]:
    for block in BLOCKS:
        if block.info == "console test":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                yield Example(block.page, command, expected)


EXAMPLES = list(examples())


def pattern(expected: str) -> str:
    lines = (
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(re.escape("..."), ".*") + r"\n"
        for line in expected.splitlines()
    )
    return "".join(lines)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{name_of(each.page)} {each.command[:60]}" for each in EXAMPLES])
def test_an_example_prints_what_its_page_shows(example: Example, tmp_path: Path) -> None:
    shown = run("sh", "-c", f"{{ {example.command}\n}} 2>&1", cwd=tmp_path).stdout

    assert re.fullmatch(pattern(example.expected), shown), shown


def test_the_unit_for_systemd_is_valid(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    [unit] = [block.text for block in blocks(DOCS / "how-to" / "systemd.md") if block.info == "ini"]
    file = tmp_path / "identity.service"
    file.write_text(unit.replace("/srv/identity/.venv/bin", str(SCRIPTS)), encoding="utf-8")
    outcome = run("systemd-analyze", "verify", file)

    assert (outcome.returncode, outcome.stderr) == (0, "")


# --- the tutorial -----------------------------------------------------------------------------------------------------

TUTORIAL = DOCS / "tutorial" / "first-trace.md"


class Terminal:
    """A service that the launcher starts on a terminal of its own."""

    def __init__(self, command: Sequence[str], folder: Path, **variables: str) -> None:
        self.port = free_port()
        self._shown = bytearray()
        screen, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [LAUNCHER, *command, "--port", str(self.port)],
            cwd=folder,
            env=environment(NO_COLOR="1", OTEL_BSP_SCHEDULE_DELAY="100", **variables),
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._reader = threading.Thread(target=self._read, args=(screen,))
        self._reader.start()

    def __enter__(self) -> Terminal:
        self._wait_until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def wait_for(self, text: str) -> None:
        """Wait until the terminal shows something like this."""
        self._wait_until(lambda: text in alike(self.shown()))

    def shown(self) -> str:
        """What the terminal shows, without its colours."""
        return re.sub(r"\x1b\[\d*m", "", self._shown.decode(errors="replace")).replace("\r", "")

    def _answers(self) -> bool:
        try:
            self.get("/", traceparent=NOT_SAMPLED)
        except OSError:
            return False
        return True

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < deadline, self.shown()
            sleep(0.05)

    def _read(self, screen: int) -> None:
        try:
            while chunk := os.read(screen, 65536):
                self._shown += chunk
        except OSError:  # Linux says EIO when the other side has closed
            pass
        os.close(screen)


def alike(text: str) -> str:
    """What is the same each time: no durations, ports, ids, bars or columns, and no end of a long line."""
    changes = (
        (r"\d+\.\d\d ms", "0.00 ms"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:0"),
        (r"parent [0-9a-f]{8}", "parent 0"),
        (r"━+", "━"),
        (r"(?<=for url: ).*", ""),
        (r" +", " "),
    )
    for old, new in changes:
        text = re.sub(old, new, text)
    return text


def trees(service: str) -> list[str]:
    """What the tutorial shows of the terminal of this service."""
    return [alike(block.text) for block in blocks(TUTORIAL) if not block.info and f"\n{service}  " in f"\n{block.text}"]


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """The folder that a reader of the tutorial has made."""
    for block in blocks(TUTORIAL):
        language, _, name = block.info.partition(" ")
        if language == "python":
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    return tmp_path


def test_the_tutorials_services_show_what_the_tutorial_shows(market: Path) -> None:
    with (
        Terminal(["uvicorn", "prices.main:app"], market) as prices,
        Terminal(["uvicorn", "shop.main:app"], market, PRICES_URL=f"http://127.0.0.1:{prices.port}") as shop,
    ):
        answers = []
        for path, of_prices, of_shop in zip(
            ("/baskets/pear?pieces=3", "/baskets/plum"), trees("prices"), trees("shop"), strict=True
        ):
            answers.append(shop.get(path))
            prices.wait_for(of_prices)
            shop.wait_for(of_shop)

    assert answers == [(200, '{"total":120}'), (500, "Internal Server Error")]
