"""Statements: names of tables are placeholders, values are parameters."""

from __future__ import annotations

from pipeline.tables import ANSWERS, BRONZE, FEEDBACK, NO_PROBES, SILVER
from pipeline.view.query import Query, Value, all_of, any_of, one_of, portions, quoted


def test_a_statement_names_its_tables_only_when_it_is_asked() -> None:
    query = Query("SELECT $column FROM $bronze WHERE $no_probes", parts={"column": "seq"})
    assert query.tables == (BRONZE,)
    assert query.sql({"bronze": "`a`.`b`"}) == " ".join(["SELECT seq FROM `a`.`b` WHERE", NO_PROBES])


def test_the_view_is_a_statement_over_its_tables_whether_it_was_created_or_not() -> None:
    query = Query("SELECT thumbs_up FROM $answers WHERE $no_probes")
    assert query.tables == (SILVER, FEEDBACK)
    names = {"silver": "`a`.`silver`", "feedback": "`a`.`feedback`"}
    assert query.sql(names) == " ".join(["SELECT thumbs_up FROM", f"({ANSWERS.select(names)})", "WHERE", NO_PROBES])


def test_conditions_hold_no_value_only_its_parameter() -> None:
    values: dict[str, Value] = {"most": 1}
    conditions = [one_of("a", ["x'; DROP", "y"], values), all_of({"b": 2, "c": "z"}, values)]
    assert any_of(conditions) == "(a IN (:v1, :v2) OR (b = :v3 AND c = :v4))"
    assert values == {"most": 1, "v1": "x'; DROP", "v2": "y", "v3": 2, "v4": "z"}


def test_a_statement_names_a_hundred_values_at_most() -> None:
    assert [len(portion) for portion in portions(range(250))] == [100, 100, 50]


def test_a_name_is_quoted_piece_by_piece() -> None:
    assert quoted("lake.a`b.silver") == "`lake`.`a``b`.`silver`"


def test_the_comment_of_the_column_quotes_the_same_filter() -> None:
    for table in (BRONZE, SILVER):
        (comment,) = [column.comment for column in table.columns if column.name == "origin"]
        assert f"Reports leave probes out: {NO_PROBES[1:-1]}." in comment
