"""Addresses in spans: no userinfo, no value that looks like a secret, and nothing else changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.http.urls import redacted, redacted_query, redacted_text, server_named, server_of

SECRETS = [
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "api_key",
    "apikey",
    "api-key",
    "key",
    "subscription-key",
    "password",
    "passwd",
    "pwd",
    "client_secret",
    "code",
    "SAMLResponse",
    "session_id",
    "jwt",
    "user[password]",
    "user%5Bpassword%5D",
    "pw",
    "passcode",
    "user[pass]",
    "userpass",
    "db_pass",
    "auth_code",
    "authCode",
    "mfa_code",
    "cvv",
    "PHPSESSID",
    "connect.sid",
    "hmac",
    "sign",
    "oauth_verifier",
    "bearer",
    "x-auth",
    "cookie",
    "api%5Fkey",
    "%70assword",
    f"{'a' * 1000}_token",
]
HARMLESS = [
    *("q", "page", "sort", "monkey", "design", "postcode", "keys", "passport", "zipcode", "turkey", "signal", "state"),
    *("status_code", "country_code", "error_code", "compass", "bypass", "passenger", "author", "sidebar", "footprint"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_the_value_of_a_secret_is_taken_out_wherever_it_stands(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert redacted(f"https://h/p?{written}=abc") == f"https://h/p?{written}=REDACTED"
        assert redacted(f"https://h/p?a=b&{written}=abc&c=d#f") == f"https://h/p?a=b&{written}=REDACTED&c=d#f"
        assert redacted(f"https://h/p#a=b&{written}=abc") == f"https://h/p#a=b&{written}=REDACTED"
        assert redacted(f"https://h/p?a=b?{written}=abc") == f"https://h/p?a=b?{written}=REDACTED"


@pytest.mark.parametrize("name", HARMLESS)
def test_other_values_stay(name: str) -> None:
    assert redacted(f"https://h/p?{name}=abc") == f"https://h/p?{name}=abc"


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://user:password@h/p", "http://REDACTED:REDACTED@h/p"),
        ("http://user@h:8000", "http://REDACTED:REDACTED@h:8000"),
        ("http://us@er:pass@word@h/p", "http://REDACTED:REDACTED@h/p"),
        ("http://h/users/me@example.com", "http://h/users/me@example.com"),
        ("http://h/p?mail=me@example.com", "http://h/p?mail=me@example.com"),
        ("http://h/p?next=http://user:password@other/", "http://h/p?next=http://REDACTED:REDACTED@other/"),
        ("http://h/proxy/http://user:password@other/", "http://h/proxy/http://REDACTED:REDACTED@other/"),
        ("http://h/p?a=%20b+c&a=2&&=", "http://h/p?a=%20b+c&a=2&&="),
        ("http://user:p&ss@h/x", "http://REDACTED:REDACTED@h/x"),
        ("http://user:p ss@h/x", "http://REDACTED:REDACTED@h/x"),
        ("http://user:p/s?s#@h/x", "http://REDACTED:REDACTED@h/x"),
        ("http://h:80/users/me@example.com", "http://h:80/users/me@example.com"),
        ("http://[::1]:80/users/me@example.com", "http://[::1]:80/users/me@example.com"),
        ("?u=http://user:password@h/", "?u=http://REDACTED:REDACTED@h/"),
    ],
)
def test_userinfo_is_taken_out_and_everything_else_stays_as_it_was(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://h/p?password=abc;def&q=1", "http://h/p?password=REDACTED&q=1"),
        ("http://h/p?password=a?b;c=d/e#f", "http://h/p?password=REDACTED#f"),
        ("/a;jsessionid=abc", "/a;jsessionid=REDACTED"),
        ("http://h/a;jsessionid=abc/b;v=1?q=1", "http://h/a;jsessionid=REDACTED/b;v=1?q=1"),
    ],
)
def test_a_value_ends_where_its_part_of_the_address_ends(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://h/?next=https%3A%2F%2Fh%2F%3Ftoken%3Dabc&q=1", "http://h/?next=REDACTED&q=1"),
        ("http://h/?next=https%3A%2F%2Fh%2F%3Ftoken=abc", "http://h/?next=REDACTED"),
        ("http://h/?u=https%3A%2F%2Fu%3Apw%40h#f", "http://h/?u=REDACTED#f"),
        ("http://h/?u=http://user:pw%40h/", "http://h/?u=REDACTED"),
        ("http://h/?u=https%253A%252F%252Fu%253Apw%2540h", "http://h/?u=REDACTED"),
        ("http://h/?state=token%3Dabc", "http://h/?state=REDACTED"),
        ("http://h/proxy/https%3a%2f%2fu%3apw%40h/x?q=%20", "http://h/proxy/REDACTED/x?q=%20"),
        ("http://h/?next=https%3A%2F%2Fh%2Fp%3Fq%3D1&mail=me%40example.com", None),
        ("http://h/token/a%3Db?q=%", None),
    ],
)
def test_a_secret_that_is_encoded_takes_its_value_with_it(url: str, shown: str | None) -> None:
    assert redacted(url) == (shown or url)
    assert redacted_text(f"cannot reach '{url}', again") == f"cannot reach '{shown or url}', again"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("bad: /p?password=ab'cd (again)", "bad: /p?password=REDACTED (again)"),
        ("E('http://h/?token=abc', 1)", "E('http://h/?token=REDACTED', 1)"),
        ('<a href="http://h/?token=abc">b</a>', '<a href="http://h/?token=REDACTED">b</a>'),
        ("Failed to parse: http://user:p/ss@h/x", "Failed to parse: http://REDACTED:REDACTED@h/x"),
        ("to http://user:p&ss@h/x now", "to http://REDACTED:REDACTED@h/x now"),
        ("E('http://h:80'); ask me@example.com", "E('http://h:80'); ask me@example.com"),
        ("http://h:80/users/me@example.com", "http://h:80/users/me@example.com"),
    ],
)
def test_a_message_ends_a_secret_where_its_words_go_on(text: str, shown: str) -> None:
    assert redacted_text(text) == shown


def test_a_message_keeps_its_words_around_the_addresses_in_it() -> None:
    message = "Max retries exceeded with url: /p?token=abc&q=1 (Caused by E('http://user:password@h/'), port=9)"

    assert redacted_text(message) == (
        "Max retries exceeded with url: /p?token=REDACTED&q=1 (Caused by E('http://REDACTED:REDACTED@h/'), port=9)"
    )


@pytest.mark.parametrize(
    "url, server",
    [
        ("http://h/p", ("h", 80)),
        ("https://H.example/p", ("h.example", 443)),
        ("HTTP://h:8000?q=/p", ("h", 8000)),
        ("http://user:p:w@h:8000/p", ("h", 8000)),
        ("http://[::1]/p", ("::1", 80)),
        ("http://[::1]:8000/p", ("::1", 8000)),
        ("ftp://h/p", ("h", None)),
        ("/p", ("", None)),
        ("", ("", None)),
        ("http://h:" + "9" * 5000, ("", None)),
        ("http://h:999999/", ("h", 80)),
    ],
)
def test_the_server_is_the_one_that_the_address_names(url: str, server: tuple[str, int | None]) -> None:
    assert server_of(url) == server


TEXTS = (
    st.text()
    | st.text("?&;#=@:/[]% tokensigkey", max_size=60)
    | st.lists(
        st.sampled_from(["%3D", "%40", "%3A", "%2F", "%3F", "%25", "%253D", "token", "://", *"?&;#=@:/'\")% a1"]),
        max_size=20,
    ).map("".join)
)


@given(TEXTS)
def test_no_text_is_too_odd(text: str) -> None:
    server_of(text)
    server_of(f"http://{text}")

    assert redacted(redacted(text)) == redacted(text)
    assert redacted_text(redacted_text(text)) == redacted_text(text)


@given(st.sampled_from(["http", "https", "ws", "wss", ""]), TEXTS | st.just("h" * 400) | st.just("h/" + "x" * 400))
def test_what_is_remembered_of_a_host_is_what_its_address_names(scheme: str, host: str) -> None:
    assert server_named(scheme, host) == server_named(scheme, host) == server_of(f"{scheme}://{host}")


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789%+-._", min_size=8), TEXTS, TEXTS)
def test_no_secret_value_survives_whatever_stands_around_it(secret: str, before: str, after: str) -> None:
    name = "&access_token="
    query = redacted_query(f"?{before}{name}{secret}&{after}")

    assert f"{name}{secret}&" not in query


ENCODED = ["%25", "?a=%3D", "&%3D=%40", "://a:b", ";a=", "')", "access_", "http%3A%2F%2Fu%253Apw%40"]


@pytest.mark.parametrize("part", ["?token", "?", "&a=", "token", "://", "@", "?token=&", "=", "://a@", *ENCODED])
@pytest.mark.timeout(20)
def test_a_huge_address_takes_as_long_as_it_is(part: str) -> None:
    url = "http://h/" + part * (1_000_000 // len(part))

    assert redacted(url)
    assert redacted_text(url)
