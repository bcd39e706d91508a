"""Whatever a file holds, an adoption adds a prefix and variables, or leaves it alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_otel.adopt.adoption import adopt
from platform_otel.adopt.commands import Adopted, point_in, point_in_line
from platform_otel.adopt.plan import Wanted
from platform_otel.doctor.launched import Untold
from tests.adopt.support import COLLECTOR, cases, text_of

PATHS = ["compose.yaml", "deployment.yaml", "Procfile", "identity.service", "Dockerfile"]
# Values as people write them, and as nobody should.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
LAYOUTS = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([True, False, None]),
        "default_style": st.sampled_from([None, "'", '"']),
        "width": st.sampled_from([20, 80, 1000]),
        "indent": st.sampled_from([2, 4]),
        "allow_unicode": st.booleans(),
    }
)


def adopted(path: str, text: str) -> str:
    return adopt(path, text, Wanted(COLLECTOR)).text


@given(words=st.lists(WORDS, max_size=4), environment=st.dictionaries(WORDS, WORDS, max_size=3), layout=LAYOUTS)
@settings(max_examples=150, deadline=None)
def test_a_compose_file_keeps_every_word_in_every_layout(
    words: list[str], environment: dict[str, str], layout: dict[str, Any]
) -> None:
    command = ["python", "-m", "identity", *(word.replace("$", "") for word in words)]
    service = {"image": "identity", "command": command, "environment": environment, "labels": {"a": "b"}}
    text = yaml.safe_dump({"services": {"identity": service}}, **layout)
    service = yaml.safe_load(text)["services"]["identity"]
    after = yaml.safe_load(adopted("compose.yaml", text))["services"]["identity"]

    if after != service:
        named = {"OTEL_SERVICE_NAME": "identity", "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}
        assert after == {
            **service,
            "command": ["platform-trace", "--", *service["command"]],
            "environment": {**named, **service["environment"]},
        }


@given(words=st.lists(WORDS, max_size=4), layout=LAYOUTS)
@settings(max_examples=100, deadline=None)
def test_a_shells_line_keeps_every_character_in_every_layout(words: list[str], layout: dict[str, Any]) -> None:
    line = "set -e\nexec uvicorn identity.main:app " + " ".join(words)
    container = {"name": "identity", "image": "identity", "command": ["sh", "-c", line]}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "identity"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    text = yaml.safe_dump(workload, **layout)
    # PyYAML does not always read what it writes.
    [before] = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    line = before["command"][2]
    [after] = yaml.safe_load(adopted("identity.yaml", text))["spec"]["template"]["spec"]["containers"]

    assert after["command"][2] in (line, line.replace("uvicorn", "platform-trace -- uvicorn", 1))


@pytest.mark.parametrize("path", PATHS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_file_of_any_text_is_left_alone_or_adopted_once(path: str, data: st.DataObject) -> None:
    text = data.draw(st.text(max_size=200))
    once = adopted(path, text)

    assert adopted(path, once) == once


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_case_ends_in_a_text_that_is_adopted_once(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases()))
    text = text_of(case)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    once = adopted(
        str(case), text[:start] + data.draw(st.sampled_from(["", "\t", "'", '"', "[", "&a ", "\\\n"])) + text[end:]
    )

    assert adopted(str(case), once) == once


@given(
    words=st.lists(
        st.sampled_from(["python", "-m", "uvicorn", "a.b:c", "sh", "-c", "exec", "uv", "run", "--", "env", "X=1", ""])
    )
)
@settings(max_examples=300, deadline=None)
def test_behind_its_prefix_a_command_is_adopted(words: list[str]) -> None:
    try:
        point = point_in(words)
    except (Untold, Adopted):
        return
    if point.inside < 0:
        words = [*words[: point.word], *point.words(), *words[point.word :]]
        with pytest.raises(Adopted):
            point_in(words)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("uvicorn a:b", 0),
        ("exec uvicorn a:b", 5),
        ("A=1 exec python -m a", 9),
        ("cd /srv && . venv/bin/activate && exec gunicorn a.wsgi | tee log", 39),
        ("python migrate.py; python -m a", 19),
        ('python -m a "$@"', 0),
        ("bash -c 'exec python -m a'", 14),
        ("nice -n 5 timeout 30 python -m a", 21),
    ],
)
def test_in_a_line_the_prefix_goes_in_front_of_the_program_that_stays(line: str, at: int) -> None:
    assert point_in_line(line).inside == at
