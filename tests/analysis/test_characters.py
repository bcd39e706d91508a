"""Text fits its columns, whatever it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.analysis.characters import columns, fit, printable

ACCENT = "\u0301"


@pytest.mark.parametrize(
    "text, room, shown",
    [
        ("gateway", 7, "gateway"),
        ("gateway", 6, "gatew~"),
        ("gateway", 1, "~"),
        ("gateway", 0, ""),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 6, "漢字~"),
        (f"e{ACCENT}" * 3, 3, f"e{ACCENT}" * 3),
        (f"e{ACCENT}" * 4, 3, f"e{ACCENT}" * 2 + "~"),
    ],
)
def test_a_text_that_is_too_long_ends_in_an_ellipsis(text: str, room: int, shown: str) -> None:
    assert fit(text, room, "~") == shown


@pytest.mark.parametrize("accent", [ACCENT, "\ufe0f", "\u20dd"])
def test_accents_take_no_column_and_a_heap_of_them_is_cut(accent: str) -> None:
    assert columns(f"a{accent}") == 1
    assert len(fit("a" + accent * 1_000_000, 10, "~")) <= 41


@given(text=st.text(), room=st.integers(0, 20))
def test_nothing_is_wider_than_its_room_nor_steers_a_terminal(text: str, room: int) -> None:
    shown = fit(printable(text), room, "~")

    assert columns(shown) <= room
    assert shown.isprintable()
