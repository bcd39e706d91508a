"""What spans show of exceptions is bounded before it is searched for secrets, and no cut uncovers one."""

import pytest

from platform_otel.http import exceptions
from platform_otel.http.exceptions import exception_attributes, shown_message

A_SECRET = "http://user:hunter2@host/"


@pytest.mark.parametrize("shift", range(len(A_SECRET) + 2))
def test_an_address_that_is_cut_off_does_not_show_its_password(shift: int) -> None:
    message = "x " * 8192 + A_SECRET * 40

    text = shown_message(ValueError(message[shift:]))

    assert len(text) <= 16 * 1024
    assert "hunter2" not in text


@pytest.mark.parametrize("shift", range(len(A_SECRET) + 2))
def test_a_traceback_that_is_shortened_in_the_middle_shows_no_password_at_its_cuts(shift: int) -> None:
    error = ValueError("x" * shift + f" {A_SECRET} and" * 4000)

    text = exception_attributes(error)["exception.stacktrace"]

    assert " characters ..." in text
    assert "hunter2" not in text


def test_no_more_is_searched_for_secrets_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def counted(text: str) -> str:
        searched.append(len(text))
        return text

    monkeypatch.setattr(exceptions, "redacted_text", counted)

    exception_attributes(ValueError("a=%3Fb%3D1 " * 100_000))

    assert sum(searched) <= 16 * 1024 + 32 * 1024


def test_a_short_message_and_its_traceback_are_shown_whole() -> None:
    try:
        raise ValueError("what happened")
    except ValueError as error:
        shown = exception_attributes(error)

    assert shown["exception.message"] == "what happened"
    assert shown["exception.stacktrace"].endswith("ValueError: what happened\n")
    assert shown["exception.escaped"] == "False"
