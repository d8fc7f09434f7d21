"""Markdown style."""

import pytest

from pipeline.sandbox.telegram.text.markdown import parse_markdown
from pipeline.sandbox.telegram.text.marked import MarkupError


@pytest.mark.parametrize(
    ("source", "text", "entity"),
    [
        ("*x*", "x", {"type": "bold"}),
        ("_x_", "x", {"type": "italic"}),
        ("`*x*`", "*x*", {"type": "code"}),
        ("```\nx\n```", "x\n", {"type": "pre"}),
        ("```py\nx```", "x", {"type": "pre", "language": "py"}),
        ("```py```", "py", {"type": "pre"}),
        ("[x](http://x.org/)", "x", {"type": "text_link", "url": "http://x.org/"}),
        ("[x.org]", "x.org", {"type": "text_link", "url": "http://x.org/"}),
    ],
)
def test_every_mark_becomes_its_entity(source: str, text: str, entity: dict[str, object]) -> None:
    """Markdown style: bold, italic, links, code and blocks of code; offsets are in UTF-16 code units."""
    marked = parse_markdown(f"🎉 {source}")
    assert marked.text == f"🎉 {text}"
    assert marked.entities == [{"offset": 3, "length": len(text), **entity}]


def test_marks_are_escaped_outside_entities_only() -> None:
    r"""Markdown style: to escape _, *, ` and [ outside of an entity, prepend \; inside it is not allowed."""
    assert parse_markdown(r"\_a\* \`b\[ \c") == ("_a* `b[ \\c", [])
    assert parse_markdown(r"_a\_").text == "a\\"


def test_entities_do_not_nest_and_an_empty_one_is_none() -> None:
    """Markdown style: entities must not be nested."""
    assert parse_markdown("*a_b*") == ("a_b", [{"type": "bold", "offset": 0, "length": 3}])
    assert parse_markdown("a**b") == ("ab", [])
    assert parse_markdown("[a](no link)") == ("a", [])


@pytest.mark.parametrize(("source", "at"), [("a*b", 1), ("é_", 2), ("```x``", 0), ("[a", 0), ("`", 0)])
def test_an_entity_that_is_not_closed_is_refused(source: str, at: int) -> None:
    """Markdown style: the server's words."""
    with pytest.raises(MarkupError) as refused:
        parse_markdown(source)
    assert str(refused.value) == f"Can't find end of the entity starting at byte offset {at}"
