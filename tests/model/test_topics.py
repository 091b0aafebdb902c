"""Templates of topics: what a level may be, there and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.model.topics import TopicError, meant_by, safe_level, template

VALUES = {"clientid": "013912345678", "phone": "013912345678", "device": "13912345678", "kind": "position"}


@pytest.mark.parametrize(
    ("text", "topic", "filter"),
    [
        ("jt808/${clientid}/${phone}/up", "jt808/013912345678/013912345678/up", "jt808/+/+/up"),
        ("${device}", "13912345678", "+"),
        ("a/${kind}/b", "a/position/b", "a/+/b"),
        ("a", "a", "a"),
    ],
)
def test_the_topic_of_a_terminal(text: str, topic: str, filter: str) -> None:
    made = template(text)
    assert (made.topic(VALUES), made.filter) == (topic, filter)
    assert made.match(topic) == {name: VALUES[name] for name in made.names}


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("a/${phone}/dn", "a/1"),
        ("a/${phone}/dn", "a/1/up"),
        ("a/${phone}/dn", "a/1/2/dn"),
        ("a/${phone}/${phone}", "a/1/2"),
    ],
)
def test_what_is_no_topic_of_it(text: str, topic: str) -> None:
    assert template(text).match(topic) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it is empty"),
        ("a/x${phone}", r"\${phone} is part of the level 'x\${phone}'; a placeholder is a whole level"),
        ("a/${imsi}", r"\${imsi} is not known here; known are \${clientid}, \${phone}"),
        ("a/+/b", "a wildcard"),
        ("a/#", "a wildcard"),
        ("$SYS/a", r"begins with \$"),
        ("a\n", "a control character"),
        ("a" * 1001, "longer than 1000 bytes"),
    ],
)
def test_what_is_no_template(text: str, complaint: str) -> None:
    with pytest.raises(TopicError, match=complaint):
        template(text)


@pytest.mark.parametrize(
    ("value", "level"), [("a/b", "a%2Fb"), ("+#", "%2B%23"), ("\0", "%00"), ("100%", "100%25"), ("\ud800", "?")]
)
def test_levels_are_made_safe(value: str, level: str) -> None:
    assert safe_level(value) == level


@given(st.text())
def test_a_level_is_one_level_and_means_what_it_was_made_of(value: str) -> None:
    level = safe_level(value)
    assert not set(level) & {"/", "+", "#", "\0"}
    assert meant_by(level) == value


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a/${phone}", "a/b", True),
        ("a/${phone}", "${device}/b", True),
        ("a/${phone}", "a/b/c", False),
        ("a/${phone}/up", "a/${phone}/dn", False),
    ],
)
def test_overlaps(one: str, other: str, expected: bool) -> None:
    assert template(one).overlaps(template(other)) is expected
    assert template(other).overlaps(template(one)) is expected
