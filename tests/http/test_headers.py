"""Which headers are recorded."""

import pytest

from platform_otel.http.headers import REDACTED, Capture, capture


def test_names_match_whole_and_whatever_their_case() -> None:
    found = Capture("p.", ["X-Thing", "accept.*"], []).attributes(
        [("x-thing", "1"), ("x-thing-2", "2"), ("Accept", "3")]
    )

    assert found == {"p.x-thing": ("1",), "p.accept": ("3",)}


def test_all_values_of_a_header_are_kept_in_their_order() -> None:
    assert Capture("p.", ["a"], []).attributes([(b"a", b"1"), (b"b", b"2"), (b"A", b"3")]) == {"p.a": ("1", "3")}


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "set-cookie",
        "x-api-key",
        "X-ApiKey",
        "x-auth-token",
        "x-amz-security-token",
        "x-vault-token",
        "x-csrf-token",
        "www-authenticate",
        "x-forwarded-client-cert",
        "x-client-secret",
    ],
)
def test_credentials_are_never_recorded(name: str) -> None:
    assert Capture("p.", [".*", name], []).attributes([(name, "secret")]) == {}


def test_of_sanitized_headers_only_that_they_were_there_is_recorded() -> None:
    assert Capture("p.", [".*"], ["id$"]).attributes([("X-User-Id", "7"), ("x-id-2", "8")]) == {
        "p.x-user-id": (REDACTED,),
        "p.x-id-2": ("8",),
    }


def test_names_that_clients_make_up_do_not_gather() -> None:
    every = Capture("p.", ["x-a"], [])
    for number in range(5000):
        every.attributes([(f"x-{number}", "1")])

    assert len(every._attributes) <= 1000


def test_an_overlong_name_is_neither_recorded_nor_remembered() -> None:
    every = Capture("p.", [".*"], [])

    assert every.attributes([("x" * 65, "1"), (b"y" * 1_000_000, b"2"), ("x-thing", "3")]) == {"p.x-thing": ("3",)}
    assert list(every._attributes) == ["x-thing"]


def test_the_secrets_of_an_address_in_a_header_are_not_recorded() -> None:
    found = Capture("p.", ["location", "referer"], []).attributes(
        [("location", "/callback?code=abc&q=1"), (b"referer", b"http://user:password@h/")]
    )

    assert found == {
        "p.location": ("/callback?code=REDACTED&q=1",),
        "p.referer": ("http://REDACTED:REDACTED@h/",),
    }


def test_nothing_is_captured_unless_asked_for() -> None:
    assert capture("p.", (), ()) is None
