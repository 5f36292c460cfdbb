"""Messages: whatever text arrives, Telegram's rules are kept and the text can be read back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_bt.core.alert_causes import CAUSES
from crypto_bt.core.alert_routing import Batch, Item, Lane, Waiting
from crypto_bt.core.alert_text import Message, compose
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.rich_text import ELLIPSIS, visible
from crypto_bt.simulator.telegram_text import Unparsable, plain_text, utf16_units

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
UI = "http://127.0.0.1:3000"
BIDI = "\u202e\u2066\u2067\u200f\u061c"
#: What people, exchanges and attackers write.
NASTY = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Mn"]), max_size=100),
    st.text("<>&\"'/bia \U0001f534\u202e\x00\ud800\n", max_size=300),
    st.sampled_from(["<b>", "</b>", "&lt;", "<a href=x>", "&", "<", "\r\n", "", " ", "x" * 100_000]),
    st.integers(4000, 4200).map(lambda length: "<" * length),
    st.integers(2000, 2100).map(lambda length: "\U0001f534" * length),
)
ALERTS = st.builds(
    Alert,
    cause=st.one_of(st.sampled_from(sorted(CAUSES)), NASTY),
    severity=st.sampled_from(AlertSeverity),
    what=NASTY,
    where=NASTY,
    value=NASTY,
    limit=NASTY,
    since=st.datetimes(timezones=st.just(UTC)),
    command=NASTY,
    resolved=st.booleans(),
    doing=NASTY,
    run=st.one_of(st.just("0123abcd-0123-0123-0123-0123456789ab"), NASTY),
)
WORDS = st.builds(
    Waiting,
    number=st.integers(1, 9),
    kind=st.sampled_from([Kind.RAISED, Kind.RESOLVED]),
    alert=ALERTS,
    since=st.just(NOW),
)
ITEMS = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=20)


#: Texts that fill whatever room there is, in every way of counting.
FULL = st.tuples(st.sampled_from(["x", "<", "&", "\U0001f534", "word "]), st.integers(20, 8000)).map(
    lambda pair: pair[0] * pair[1]
)
FULL_ALERTS = st.builds(
    Alert,
    cause=st.one_of(st.sampled_from(sorted(CAUSES)), FULL),
    severity=st.sampled_from(AlertSeverity),
    what=FULL,
    where=FULL,
    value=FULL,
    limit=FULL,
    since=st.just(NOW),
    command=st.integers(0, 800).map(lambda length: "crypto-bt data repair --symbols ".ljust(length, "X")),
    doing=FULL,
    run=st.just("0123abcd-0123-0123-0123-0123456789ab"),
)


def message(*items: tuple[Waiting, ...], ui: str = UI) -> Message:
    return compose(Batch(Lane.ROUTINE, "", tuple(map(Item, items))), ui)


def one(alert: Alert, kind: Kind = Kind.RAISED) -> Message:
    return message((Waiting(1, kind, alert, NOW),))


ALERT = Alert(
    cause="data_age",
    severity=AlertSeverity.CRITICAL,
    what="The newest H1 candle closed 7 h ago.",
    where="candles_1h",
    value="7 h",
    limit="6 h",
    since=NOW,
    command="crypto-bt data repair --timeframes 1h",
    doing="Catch-up tries again at 12:30 UTC.",
    run="0123abcd-0123-0123-0123-0123456789ab",
)


@given(ITEMS)
@settings(max_examples=150)
def test_compose_whatever_arrives_keeps_telegrams_rules(items: list[tuple[Waiting, ...]]) -> None:
    made = message(*items)
    text = plain_text(made.html)
    assert text.strip()
    assert utf16_units(made.html) <= 4096
    assert utf16_units(made.plain) <= 4096
    assert not [c for c in text if c != "\n" and (ord(c) < 32 or c in BIDI or 0xD800 <= ord(c) <= 0xDFFF)]


@given(st.lists(FULL_ALERTS, min_size=1, max_size=3), st.sampled_from([UI, "https://" + "&" * 190]))
@settings(max_examples=100)
def test_compose_full_alerts_fit_with_their_commands_and_ids(alerts: list[Alert], ui: str) -> None:
    made = message(*[(Waiting(n, Kind.RAISED, told, NOW),) for n, told in enumerate(alerts)], ui=ui)
    plain_text(made.html)
    assert utf16_units(made.html) <= 4096
    assert utf16_units(made.plain) <= 4096
    for told in alerts:
        assert f"Alert {told.id}" in made.plain
        command = told.command if len(told.command) <= 700 else f"crypto-bt alerts show {told.id}"
        assert command.strip() in made.plain


@given(ALERTS)
@settings(max_examples=150)
def test_compose_one_alert_can_be_read_back(alert: Alert) -> None:
    text = plain_text(one(alert).html)
    shown = visible(alert.what, 10**6) or "-"
    begins = shown if len(shown) < 1500 else shown[:600]
    assert begins in text
    assert alert.id in text


@given(NASTY, st.integers(2, 5000))
@example("x" * 100_000, 4096)
def test_visible_is_short_and_says_the_same(text: str, most: int) -> None:
    shown = visible(text, most)
    assert len(shown.encode("utf-16-le")) // 2 <= most
    assert visible(shown, 10**6) == shown, "nothing that is shown is changed by showing it again"
    assert visible(text, 10**6).startswith(shown.removesuffix(ELLIPSIS).rstrip())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x1b[31m\x7f", "a␀b␛[31m␡"),
        ("to \u202egnp.exe", "to ⟨202E⟩gnp.exe"),
        ("half \ud83d", "half �"),
        ("a\tb\r\nc\u2028d", "a b\nc\nd"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
    ],
)
def test_visible_shows_what_is_hidden(text: str, shown: str) -> None:
    assert visible(text, 100) == shown


def test_compose_tells_what_a_person_needs() -> None:
    text = one(ALERT).plain
    assert text.splitlines() == [
        "\U0001f534 CRITICAL data_age",
        "candles_1h",
        "The newest H1 candle closed 7 h ago.",
        "Value 7 h, limit 6 h, since 2026-03-02 12:00 UTC",
        "The system: Catch-up tries again at 12:30 UTC.",
        "crypto-bt data repair --timeframes 1h",
        f"Alert {ALERT.id} · run 0123abcd {UI}/runs/0123abcd-0123-0123-0123-0123456789ab",
    ]


def test_compose_without_a_command_names_the_page() -> None:
    assert "docs/alerts.md#data_age" in one(replace(ALERT, command="")).plain


def test_compose_command_that_does_not_fit_is_not_cut_but_found_elsewhere() -> None:
    text = one(replace(ALERT, command="crypto-bt data repair --symbols " + "X" * 900)).plain
    assert f"crypto-bt alerts show {ALERT.id}" in text
    assert "XXX" not in text


def test_compose_resolved_says_so_and_rings_no_bell() -> None:
    made = one(ALERT, Kind.RESOLVED)
    assert made.silent
    assert "RESOLVED data_age" in made.plain
    assert "repair" not in made.plain


def test_compose_many_of_one_cause_are_summed_up() -> None:
    words = tuple(Waiting(n, Kind.RAISED, replace(ALERT, where=f"candles {n}"), NOW) for n in range(300))
    text = message(words).plain
    assert "data_age × 300" in text
    assert "candles 0, candles 1" in text
    assert "and 294 more" in text


def test_compose_ten_alerts_are_all_named() -> None:
    alerts = [replace(ALERT, where=f"place {n}", what="w" * 5000) for n in range(10)]
    text = message(*[(Waiting(n, Kind.RAISED, told, NOW),) for n, told in enumerate(alerts)]).plain
    assert text.startswith("10 critical")
    assert all(told.id in text and told.where in text for told in alerts)


@pytest.mark.parametrize(
    "markup", ["<b>", "</b>", "<b></i></b>", "a < b", "<blink>x</blink>", "<b onclick=x>y</b>"]
)
def test_plain_text_refuses_what_telegram_refuses(markup: str) -> None:
    with pytest.raises(Unparsable):
        plain_text(markup)
