"""Delta tables over a Spark session that only records what it is asked. `test_delta_on_spark.py` has the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException

from pipeline.messages.identity import Identity
from pipeline.stream import delta
from pipeline.stream.delta import DeltaTable, TableError, warm_up
from pipeline.stream.rows import Row
from pipeline.tables import BRONZE, QUARANTINE, SILVER, Column, ColumnError, Table
from tests.support.replies import NOON

PATH = "/lake/quarantine"
NAME = "main.bot.quarantine"


class FakeType:
    def __init__(self, text: str) -> None:
        self.simpleString = lambda: text


class FakeField:
    def __init__(self, name: str, kind: str, nullable: bool = True) -> None:
        self.name, self.dataType, self.nullable = name, FakeType(kind), nullable


class FakeColumn:
    def __init__(self, name: str) -> None:
        self.name = name

    def isin(self, values: list[Any]) -> tuple[str, list[Any]]:
        return self.name, values


class FakeRow(tuple[Any, ...]):
    """A row of Spark: a tuple whose values also have names."""

    names: tuple[str, ...] = ()

    def __getitem__(self, name: Any) -> Any:
        return super().__getitem__(self.names.index(name) if isinstance(name, str) else name)


class FakeFrame:
    def __init__(self, session: FakeSpark, rows: list[dict[str, Any]]) -> None:
        self.session, self.rows = session, rows
        self.schema = self

    @property
    def fields(self) -> list[FakeField]:
        fields = [FakeField(column.name, column.type) for column in self.session.columns]
        return fields + [FakeField(name, "string", nullable=False) for name in self.session.required]

    def __getitem__(self, name: str) -> FakeColumn:
        return FakeColumn(name)

    def where(self, condition: tuple[str, list[Any]]) -> FakeFrame:
        name, values = condition
        self.session.filters.append(values)
        return FakeFrame(self.session, [row for row in self.rows if row[name] in values])

    def select(self, *names: str) -> FakeFrame:
        return FakeFrame(self.session, [{name: row[name] for name in names} for row in self.rows])

    def distinct(self) -> FakeFrame:
        return FakeFrame(self.session, [dict(pairs) for pairs in {tuple(row.items()) for row in self.rows}])

    def collect(self) -> list[FakeRow]:
        rows = []
        for values in self.rows:
            row = FakeRow(values.values())
            row.names = tuple(values)
            rows.append(row)
        return rows


class FakeSpark:
    """The session, its reader, its writer and its catalog in one: each call is recorded."""

    def __init__(self, *columns: Column) -> None:
        self.columns = columns or QUARANTINE.columns
        self.rows: list[dict[str, Any]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.statements: list[str] = []
        self.filters: list[list[Any]] = []
        self.tables = {NAME}
        self.refuses_alter: type[Exception] | None = None
        self.required: tuple[str, ...] = ()
        self.read = self.write = self.catalog = self

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> FakeSpark:
            self.calls.append((name, *args))
            return self

        return call

    def sql(self, statement: str) -> None:
        self.statements.append(statement)
        if self.refuses_alter and statement.startswith("ALTER"):
            raise self.refuses_alter("no permission")

    def tableExists(self, name: str) -> bool:  # noqa: N802
        return name in self.tables

    def createDataFrame(self, rows: pa.Table) -> FakeSpark:  # noqa: N802
        self.calls.append(("createDataFrame", rows.column_names, rows.to_pylist()))
        return self

    def table(self, name: str) -> FakeFrame:
        self.calls.append(("table", name))
        return FakeFrame(self, self.rows)

    def load(self, place: str) -> FakeFrame:
        self.calls.append(("load", place))
        return FakeFrame(self, self.rows)


def _table(spark: FakeSpark, place: str = PATH, table: Table = QUARANTINE) -> DeltaTable:
    return DeltaTable(table, place, cast("Any", spark))


def _bad(number: int) -> Row:
    return {"batch_id": number, "ingested_at": NOON, "source_file": "file", "raw": "raw", "reason": f"reason {number}"}


@pytest.mark.parametrize(("place", "saved"), [(PATH, ("save", PATH)), (NAME, ("saveAsTable", NAME))])
def test_rows_are_appended_in_the_tables_order(place: str, saved: tuple[str, str]) -> None:
    spark = FakeSpark()
    _table(spark, place).append([_bad(1), _bad(2)])
    assert spark.calls == [
        (
            "createDataFrame",
            list(QUARANTINE.column_names),
            [_bad(1), _bad(2)],
        ),
        ("coalesce", 1),
        ("format", "delta"),
        ("mode", "append"),
        saved,
    ]


def test_no_rows_make_no_commit() -> None:
    spark = FakeSpark()
    _table(spark).append([])
    assert spark.calls == []


@pytest.mark.parametrize("row", [{"reason": "x"}, {**_bad(0), "extra": 1}])
def test_a_row_with_other_columns_than_the_tables_is_refused_and_nothing_is_appended(row: Row) -> None:
    spark = FakeSpark()
    with pytest.raises(ColumnError, match="a row of quarantine lacks"):
        _table(spark).append([_bad(0), row])
    assert spark.calls == []


def test_a_table_at_a_path_is_created_without_compaction_and_with_its_comments_quoted() -> None:
    spark = FakeSpark(Column("it", "string", "It's a back\\slash."))
    table = Table(
        "t", "Bob's.", spark.columns, properties=(("delta.appendOnly", "true"), ("delta.autoOptimize.x", "true"))
    )
    _table(spark, table=table).ensure()
    assert spark.statements == [
        "CREATE TABLE IF NOT EXISTS delta.`/lake/quarantine` (`it` string COMMENT 'It\\'s a back\\\\slash.') "
        "USING delta COMMENT 'Bob\\'s.' TBLPROPERTIES ('delta.appendOnly' = 'true')"
    ]


def test_a_table_without_properties_is_created_without_any() -> None:
    spark = FakeSpark(Column("a", "string", "A."))
    _table(spark, table=Table("t", "T.", spark.columns)).ensure()
    assert spark.statements[0].endswith("USING delta COMMENT 'T.'")


def test_a_table_in_a_catalog_is_not_created_but_must_exist() -> None:
    spark = FakeSpark()
    _table(spark, NAME).ensure()
    assert spark.statements == []
    spark.tables.clear()
    with pytest.raises(TableError, match=r"^table main\.bot\.quarantine does not exist or may not be read: deploy it"):
        _table(spark, NAME).ensure()


def test_columns_that_a_table_lacks_are_added() -> None:
    spark = FakeSpark(*QUARANTINE.columns[:-1])
    _table(spark, NAME).ensure()
    assert [statement.partition(" COMMENT")[0] for statement in spark.statements] == [
        "ALTER TABLE `main`.`bot`.`quarantine` ADD COLUMNS (`batch_id` bigint"
    ]


class RefusedByJava(Py4JJavaError):  # type: ignore[misc]
    """As Unity Catalog refuses: an exception that Spark does not translate."""

    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)


@pytest.mark.parametrize("refusal", [AnalysisException, RefusedByJava])
def test_columns_that_may_not_be_added_to_a_table_of_a_catalog_are_named_with_the_command_that_adds_them(
    refusal: type[Exception],
) -> None:
    spark = FakeSpark(*QUARANTINE.columns[:-2])
    spark.refuses_alter = refusal
    with pytest.raises(TableError) as refused:
        _table(spark, NAME).ensure()
    assert str(refused.value) == (f"table {NAME} lacks the columns ingested_at, batch_id: run make up, which adds them")


def test_a_local_table_that_can_not_be_altered_is_no_matter_of_the_deployment() -> None:
    spark = FakeSpark(*QUARANTINE.columns[:-1])
    spark.refuses_alter = AnalysisException
    with pytest.raises(TableError, match=r"^table /lake/quarantine lacks the columns batch_id: give another table$"):
        _table(spark).ensure()
    spark.refuses_alter = RefusedByJava  # a fault of its disk, for example
    with pytest.raises(RefusedByJava):
        _table(spark).ensure()


def test_a_table_with_other_types_is_refused_and_not_changed() -> None:
    spark = FakeSpark(Column("reason", "bigint", ""))
    with pytest.raises(TableError, match=r"quarantine has other types than expected for reason: give another table"):
        _table(spark, NAME).ensure()
    assert spark.statements == []


@pytest.mark.parametrize("place", [PATH, NAME])
def test_a_table_that_requires_a_value_which_no_row_has_is_refused(place: str) -> None:
    spark = FakeSpark()
    spark.required = ("extra", "other")
    for refuses in (_table(spark, place).ensure, _table(spark, place).check):
        with pytest.raises(
            TableError, match=r"quarantine has the column extra, NOT NULL, .* ALTER COLUMN `extra` DROP NOT NULL$"
        ):
            refuses()


def test_an_append_without_rows_makes_durable_what_an_attempt_that_failed_has_appended() -> None:
    class Log:
        syncs = 0

        def sync(self) -> None:
            self.syncs += 1

    log = Log()
    DeltaTable(QUARANTINE, PATH, cast("Any", FakeSpark()), cast("Any", log)).append([])
    assert log.syncs == 1


def test_messages_are_looked_up_in_pieces_that_a_filter_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "_MOST_IN_FILTER", 2)
    spark = FakeSpark()
    there = [Identity(42, number, 7, 3) for number in (1, 2, 5)]
    spark.rows = [dict(identity._asdict()) for identity in (*there, Identity(42, 4, 9, 9))]
    found = _table(spark, "/lake/bronze", BRONZE).known([*there, Identity(42, 3, 7, 3), Identity(42, 4, 7, 3)])
    assert found == set(there)
    assert spark.filters == [[1, 2], [3, 4], [5]]


def test_silver_has_the_chat_of_a_message_as_its_channel() -> None:
    spark = FakeSpark()
    spark.rows = [{"bot_id": 42, "update_id": 1, "channel_id": 7, "message_id": 3, "origin": None}]
    assert _table(spark, "/lake/silver", SILVER).known([Identity(42, 1, 7, 3), Identity(42, 1, 8, 3)]) == {
        Identity(42, 1, 7, 3)
    }


def test_lines_are_known_by_their_rows() -> None:
    spark = FakeSpark()
    spark.rows = [{"source_file": "a", "raw": "{"}, {"source_file": "a", "raw": "["}, {"source_file": "b", "raw": "("}]
    table = _table(spark)
    assert table.known_lines({"a", "c"}) == {("a", "{"), ("a", "[")}


def test_nothing_is_read_where_nothing_is_asked_for() -> None:
    spark = FakeSpark()
    table = _table(spark)
    assert (table.known([]), table.known_lines([])) == (set(), set())
    assert spark.calls == []


def test_warming_up_appends_to_a_temporary_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spark = FakeSpark()
    warm_up(cast("Any", spark), tmp_path)
    [saved] = [args for name, *args in spark.calls if name == "save"]
    assert str(saved[0]).startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
