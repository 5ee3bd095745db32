"""publish: replaces the files that readers see by a new version.

    warehouse.duckdb           a copy of the working database (raw data, staging, marts), which says which version it
                               is; replaced by rename
    exports/<mart>.parquet     each mart, replaced by rename where it changed
    exports/report.html        what to order, lead times and data health, for people
    exports/manifest.json      written last: run, as-of date, rows, columns, checksums

If neither raw data nor marts changed since the last time, nothing is copied. If no models were ever built, only raw
data are published; the manifest says whether there are models, and whether they are as new as the raw data.
"""

import base64
import json
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from omnium_elt.infra.errors import UnreadableError, UsageError
from omnium_elt.infra.files import (
    checksum,
    copy_file,
    make_folder,
    partial_of,
    published_mode,
    put_all,
    read_object,
    replacing,
    sweep,
    write_json,
)
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Progress, StepReport, timed
from omnium_elt.infra.text import in_utc
from omnium_elt.report import html as report_html
from omnium_elt.report.summary import summary
from omnium_elt.steps import transform
from omnium_elt.warehouse import database
from omnium_elt.warehouse.manifest import Version, manifested, read_manifest, stamp, stamped
from omnium_elt.warehouse.queries import only_value

STEP = "publish"
PUBLISHED_SCHEMAS = (database.RAW, "staging", "marts")
MARTS = "marts"
MANIFEST_FORMAT = 1


@timed
def publish(settings: Settings, progress: Progress) -> StepReport:
    """Publish the working database, unless the published version is the same already.

    If no models were ever built, only raw data are published, and the manifest says so. Raises UsageError if a build
    did not finish, or nothing was loaded. A reader of a file sees either its old or its new version.
    """
    report = StepReport(STEP)
    home = settings.home
    if settings.destination not in database.LOCAL:
        report.details = {"reason": f"{settings.destination} is read where it is"}
        return report
    source, raw = _source(settings)
    before = _before(home)
    is_same = (before.get("source"), before.get("raw")) == (source, raw)
    if is_same and _is_all_there(home, before):
        report.status = "unchanged"
        report.details = {"purchasing": before.get("purchasing")}
        return report
    _sweep(home)
    try:
        _publish(settings, progress, report, before, source, raw)
    finally:
        _sweep(home)  # after a failure, such as a full disk, partial files must not take up space
    report.status = "ok"
    return report


def _before(home: Home) -> dict[str, Any]:
    """The manifest of the published version; empty if the warehouse is of another version than the manifest.

    Then somebody replaced the file, or a publication was killed, and each file may be of either version.
    """
    if not home.warehouse.exists():
        return {}
    try:
        with database.published(home.warehouse) as connection:
            version = stamped(connection)
    except UnreadableError:
        return {}
    return read_manifest(home) if version is not None and version == manifested(home) else {}


def _publish(
    settings: Settings,
    progress: Progress,
    report: StepReport,
    before: dict[str, Any],
    source: dict[str, Any] | None,
    raw: str,
) -> None:
    """Write the new version, move it into place, and describe it in `report`; `before`: the old version's manifest."""
    home = settings.home
    progress.start(STEP, None)
    as_of = source["as_of"] if source else None
    version = Version(
        str(settings.run_id),
        date.fromisoformat(as_of) if as_of else None,
        datetime.now(UTC).replace(microsecond=0),
    )
    database.make_readable(home.working_database)
    with database.connect(home.working_database) as connection:
        database.clear_half_loaded(connection)
        connection.execute("checkpoint")
        marts, finished = export_marts(connection, home, before, _descriptions(home))
        page = report_html.page(connection, source["as_of"]) if source else None
        purchasing = summary(connection, source["as_of"]) if source else None
    report.details = {
        "warehouse_bytes": publish_warehouse(home, version, materialise=settings.destination == "parquet"),
        "marts": len(marts),
        "exported": len(finished),
        "purchasing": purchasing,
    }
    # The warehouse is replaced by now. A reader of several files may see two versions until the manifest is written.
    if page is not None:
        report_html.write(page, home.exports / "report.html")
    put_all(finished)
    manifest = _manifest(version, marts, source, raw) | {"purchasing": purchasing}
    report.details["models"] = manifest["models"]
    write_json(home.manifest, manifest, mode=None)
    _tidy(home, manifest)


def _sweep(home: Home) -> None:
    for folder in (home.root, home.exports):
        sweep(folder)


def _manifest(
    version: Version, marts: list[dict[str, Any]], source: dict[str, Any] | None, raw: str
) -> dict[str, Any]:
    """The manifest of this version."""
    models = "none" if source is None else "current" if source["raw"] == raw else "older than the raw data"
    return {
        "format": MANIFEST_FORMAT,
        "run_id": version.run_id,
        "as_of": version.as_of.isoformat() if version.as_of else None,
        "models": models,
        "published_at": in_utc(version.published_at, "seconds"),
        "marts": {mart.pop("name"): mart for mart in marts},
        "source": source,
        "raw": raw,
    }


def _tidy(home: Home, manifest: dict[str, Any]) -> None:
    """Delete exports of marts that no longer exist, and correct the mode of all others."""
    mode = published_mode()
    for path in home.exports.glob("*.parquet"):
        if path.stem not in manifest["marts"]:
            path.unlink()
        elif stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)  # the umask changed since the file was written


def _source(settings: Settings) -> tuple[dict[str, Any] | None, str]:
    """What the finished marts were built from (None if there are none), and a digest of the raw data."""
    source = transform.finished(settings)
    with database.connect(settings.home.working_database) as connection:
        raw = database.fingerprint(connection)
        has_marts = bool(database.tables(connection, MARTS))
    if source is None and (has_marts or not raw):
        raise UsageError("there are no finished marts to publish", "Build them first: omnium-elt transform.")
    return source, database.digest(raw)


def publish_warehouse(home: Home, version: Version, *, materialise: bool = False) -> int:
    """Replace `warehouse.duckdb` by a copy of the working database; return its size in bytes.

    Internal schemas (dlt's staging, intermediate models, snapshots) are left out. With `materialise`, staging
    views become tables, as views on a Parquet lake would show later runs. The working database must not be
    open meanwhile.
    """
    with replacing(home.warehouse) as partial:
        # Copying the file is many times faster than copying rows, and keeps comments and constraints.
        copy_file(home.working_database, partial)
        with database.connect(partial) as connection:
            schemas = connection.execute(
                "select schema_name from duckdb_schemas() "
                "where database_name = current_database() and not internal"
            ).fetchall()
            for (schema,) in schemas:
                if schema not in (*PUBLISHED_SCHEMAS, "main"):
                    connection.execute(f'drop schema "{schema}" cascade')
            if materialise:
                _materialise_views(connection)
            _comment(connection, _descriptions(home))
            stamp(connection, version)
            connection.execute("checkpoint")
        _leave_out_log(partial)
        return partial.stat().st_size


def _leave_out_log(partial: Path) -> None:
    log = partial.with_name(partial.name + ".wal")
    if log.exists():  # the checkpoint should have removed it; rows in it would be missing from the copy
        raise RuntimeError(f"{log} was left behind")


def _materialise_views(connection: Any) -> None:
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where schema_name = 'staging' and not internal"
    ).fetchall()
    for schema, view in views:
        connection.execute(f'create table "{schema}"."{view}__rows" as from "{schema}"."{view}"')
        connection.execute(f'drop view "{schema}"."{view}"')
        connection.execute(f'alter table "{schema}"."{view}__rows" rename to "{view}"')


def _comment(connection: Any, descriptions: dict[str, dict[str, Any]]) -> None:
    """Store the descriptions of marts and columns as comments in the warehouse, where there is no comment yet."""
    for kind in ("table", "view"):
        silent = connection.execute(
            f"select {kind}_name from duckdb_{kind}s() where schema_name = ? and comment is null", [MARTS]
        ).fetchall()
        for (name,) in silent:
            if text := descriptions.get(name, {}).get("description"):
                connection.execute(f'comment on {kind} "{MARTS}"."{name}" is {database.literal(text)}')
    silent = connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ? and comment is null",
        [MARTS],
    ).fetchall()
    for name, column in silent:
        if text := descriptions.get(name, {"columns": {}})["columns"].get(column):
            connection.execute(f'comment on column "{MARTS}"."{name}"."{column}" is {database.literal(text)}')


def export_marts(
    connection: Any, home: Home, before: dict[str, Any], descriptions: dict[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[Path, Path]]]:
    """Write every mart that changed to a partial file beside its export.

    Returns the manifest's entry of each mart, and the (partial file, export) pairs to move. A mart is not written if
    its digest (`_content`) is the one in the manifest `before`, and its export is there.
    """
    make_folder(home.exports)
    finished: list[tuple[Path, Path]] = []
    marts: list[dict[str, Any]] = []
    for name in database.tables(connection, MARTS):
        target = home.exports / f"{name}.parquet"
        partial = partial_of(target)
        described = descriptions.get(name, {"description": "", "columns": {}})
        columns = _columns(connection, name, described["columns"])
        content = _content(connection, name, columns, described["description"])
        earlier = before.get("marts", {}).get(name, {})
        if earlier.get("content") == content and _is_whole(target, earlier):
            marts.append({"name": name, **earlier})
            continue
        _copy(connection, name, columns, partial)
        mart = {
            "name": name,
            "file": target.name,
            "description": described["description"],
            "rows": only_value(connection, f'select count(*) from "{MARTS}"."{name}"'),
            "bytes": partial.stat().st_size,
            "sha256": checksum(partial),
            "columns": columns,
            "content": content,
        }
        if earlier.get("sha256") != mart["sha256"] or not target.exists():
            finished.append((partial, target))
        else:
            partial.unlink()
        marts.append(mart)
    return marts, finished


def _content(connection: Any, mart: str, columns: list[dict[str, str]], description: str) -> str:
    """A digest of a mart's rows in any order, its columns and description, and the version of DuckDB."""
    import duckdb

    (figures,) = connection.execute(
        f'select count(*), sum(hash(_row)) from "{MARTS}"."{mart}" as _row'
    ).fetchall()
    return database.digest([duckdb.__version__, [str(figure) for figure in figures], columns, description])


def _copy(connection: Any, mart: str, columns: list[dict[str, str]], path: Path) -> None:
    """Write one mart sorted by its columns from left to right, so that equal rows give an equal file.

    The columns of its grain come first. The columns' descriptions go into the file twice: as JSON in its metadata,
    and with each field for programs that read Parquet through Arrow.
    """
    order = ", ".join(
        f'"{column["name"]}"'
        for column in columns
        if not column["type"].startswith(("JSON", "STRUCT", "MAP"))
    )
    notes = {column["name"]: column["description"] for column in columns if column["description"]}
    # DuckDB's sums of integers are HUGEINT, for which Parquet has no type: they would become floats.
    values = ", ".join(
        f'cast("{column["name"]}" as {column["type"]}) as "{column["name"]}"' for column in columns
    )
    query = f'select {values} from "{MARTS}"."{mart}"'
    descriptions = json.dumps(notes, ensure_ascii=False)
    about = (
        f"{{column_descriptions: {database.literal(descriptions)}, "
        f"'ARROW:schema': '{_arrow_schema(connection, query, notes, descriptions)}'}}"
    )
    connection.execute(
        f"copy ({query} order by {order}) to {database.literal(str(path))} "
        f"(format parquet, compression zstd, kv_metadata {about})"
    )


def _arrow_schema(connection: Any, query: str, notes: dict[str, str], descriptions: str) -> str:
    """The Arrow schema of a query with a description per field, in base64 as Parquet files hold it."""
    import pyarrow

    described = [
        field.with_metadata({"description": notes[field.name]}) if field.name in notes else field
        for field in connection.sql(f"{query} limit 0").to_arrow_table().schema
    ]
    schema = pyarrow.schema(described, metadata={"column_descriptions": descriptions})
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def _columns(connection: Any, mart: str, described: dict[str, str]) -> list[dict[str, str]]:
    rows = connection.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? "
        "order by column_index",
        [MARTS, mart],
    ).fetchall()
    return [
        {"name": name, "type": kind.replace("HUGEINT", "BIGINT"), "description": described.get(name, "")}
        for name, kind in rows
    ]


def _descriptions(home: Home) -> dict[str, dict[str, Any]]:
    """The descriptions of each mart and its columns in the models' YAML, from the manifest of dbt's last build."""
    nodes = read_object(home.dbt / "target" / "manifest.json").get("nodes")
    try:
        return {
            node["name"]: {
                "description": " ".join(node["description"].split()),
                "columns": {
                    name: " ".join((column.get("description") or "").split())
                    for name, column in node["columns"].items()
                },
            }
            for node in (nodes or {}).values()
            if node["resource_type"] == "model" and node["schema"] == MARTS
        }
    except (AttributeError, KeyError, TypeError):  # damaged: the next build writes it anew
        return {}


def _is_all_there(home: Home, manifest: dict[str, Any]) -> bool:
    has_report = not manifest["marts"] or (home.exports / "report.html").exists()
    return has_report and all(
        _is_whole(home.exports / mart["file"], mart) for mart in manifest["marts"].values()
    )


def _is_whole(path: Path, mart: dict[str, Any]) -> bool:
    """Whether an export exists and has the size that the manifest says."""
    return path.exists() and path.stat().st_size == mart.get("bytes")
