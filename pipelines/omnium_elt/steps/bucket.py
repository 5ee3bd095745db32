"""Publishes to a bucket (s3://, az://, gs://), through fsspec and dlt's credentials for `filesystem`.

    files/<number>-<digest>/<name>    warehouse.duckdb, exports/<mart>.parquet, …: named by content, never overwritten
    manifests/<number>.json           a publication: every name with its path, bytes and SHA-256
    lake/…                            the same for the Parquet lake; its manifest lists tables like the local one

The manifest completes a publication: it is created last, and only if there is none of its number yet. A reader takes
the manifest of the highest number and sees one version of all files, as the files of the last `KEPT` publications stay.
`manifest.json` is a copy of the newest manifest, for readers that cannot list a folder.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import checksum, partial_of, read_object, replacing
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.log import hide
from omnium_elt.infra.run_report import Progress, StepReport, timed
from omnium_elt.infra.text import in_utc
from omnium_elt.steps.lake import FORMAT, read_manifest

STEP = "bucket"
LAKE_STEP = "lake_bucket"
KEPT = 3
"""Number of publications whose files are kept, so that readers of an earlier one can finish."""
EXTRAS = {"s3": "s3", "az": "az", "abfss": "az", "abfs": "az", "gs": "gs", "gcs": "gs"}
"""Scheme → the extra that it needs: omnium-elt[…]."""
DELTA_SETTING = "destination.filesystem.deltalake_storage_options"
"""dlt's setting for options of `deltalake` in addition to the credentials, such as an emulator's."""


Files = Iterable[tuple[str, Path, str]]
"""Files to publish: the name, local path and SHA-256 of each."""


@timed
def publish_to_bucket(settings: Settings, progress: Progress) -> StepReport:
    """Copy the home's published files to `settings.publish_to`, unless the newest publication there is the same.

    Raises UsageError for a wrong address, missing library or incomplete credentials; OmniumEltError if the bucket
    refuses, or if another run published meanwhile.
    """
    return _published(STEP, settings.publish_to, progress, lambda bucket: bucket.publish(settings.home))


@timed
def publish_lake_to_bucket(settings: Settings, progress: Progress) -> StepReport:
    """Copy the newest run of the home's Parquet lake to `settings.publish_to`/lake, as `publish_to_bucket` does."""
    if not read_manifest(settings.home.lake)["tables"]:
        return StepReport(LAKE_STEP, details={"reason": "there is no lake yet"})
    url = f"{settings.publish_to.rstrip('/')}/lake"
    return _published(LAKE_STEP, url, progress, lambda bucket: bucket.publish_lake(settings.home.lake))


def _published(
    step: str, url: str, progress: Progress, publish: "Callable[[Bucket], dict[str, Any]]"
) -> StepReport:
    bucket = Bucket.opened(url)
    progress.start(step, None)
    try:
        details = publish(bucket)
    except OmniumEltError:
        raise
    except Exception as error:
        raise OmniumEltError(
            f"{url} cannot be written: {type(error).__name__}: {error}",
            "Look at DESTINATION__FILESYSTEM__CREDENTIALS__… and at what that user may; then omnium-elt publish.",
        ) from error
    if not details:
        progress.finish(step, "unchanged")
        return StepReport(step, "unchanged")
    return StepReport(step, "ok", details=details)


@dataclass(frozen=True)
class Bucket:
    """A folder of a bucket, through fsspec.

    One class, as a publication has a fixed order: files, the numbered manifest, its copy `manifest.json`, then the
    deletion of files that no manifest names any more.
    """

    files: Any
    root: str
    credentials: Any = field(default=None, repr=False)
    """dlt's credentials."""

    @classmethod
    def opened(cls, url: str) -> "Bucket":
        """Open the bucket at an address with dlt's credentials. Raises UsageError if that is not possible."""
        scheme, url = _checked(url)
        from dlt.common.configuration.resolve import resolve_configuration
        from dlt.common.exceptions import MissingDependencyException
        from dlt.common.storages import FilesystemConfiguration, fsspec_from_config

        try:
            configured = resolve_configuration(
                FilesystemConfiguration(bucket_url=url), sections=("destination", "filesystem")
            )
            files, root = fsspec_from_config(configured)
        except (MissingDependencyException, ImportError) as error:
            raise UsageError(
                f"{url}: the package for this kind of bucket is not installed",
                f"Install it: python -m pip install 'omnium-elt[{EXTRAS.get(scheme, scheme)}]'",
            ) from error
        except Exception as error:
            raise UsageError(
                f"{url}: the credentials are not complete: {str(error).splitlines()[0]}",
                "Set DESTINATION__FILESYSTEM__CREDENTIALS__… as dlt names them (docs/warehouses.md).",
            ) from error
        hide(dict(configured.credentials))
        return cls(files, root.rstrip("/"), configured.credentials)

    def delta_options(self) -> dict[str, str]:
        """The options of `deltalake` for the same credentials, and those of `DELTA_SETTING`.

        Raises UsageError for credentials that `deltalake` cannot use.
        """
        import dlt
        from dlt.common.configuration.specs.mixins import WithObjectStoreRsCredentials

        options: dict[str, Any] = {}
        if isinstance(self.credentials, WithObjectStoreRsCredentials):
            try:
                options |= self.credentials.to_object_store_rs_credentials()
            except Exception as error:
                raise UsageError(
                    f"Delta tables cannot be written with these credentials: {str(error).splitlines()[0]}",
                    "Set others below DESTINATION__FILESYSTEM__CREDENTIALS__… (docs/warehouses.md).",
                ) from error
        options |= dlt.secrets.get(DELTA_SETTING, dict) or {}
        return {name: str(value) for name, value in options.items()}

    def publish(self, home: Home) -> dict[str, Any]:
        """Send new files, then the manifest; return the details of the step, empty if nothing was new."""
        published = read_object(home.manifest)
        files = ((name, path, checksum(path)) for name, path in published_files(home, published))
        return self.put(files, lambda _: {"run_id": published.get("run_id"), "as_of": published.get("as_of")})

    def publish_lake(self, lake: Path) -> dict[str, Any]:
        """The same for the newest run of a lake; its manifest differs from the local one only in the paths."""
        manifest = read_manifest(lake)
        described = {
            file["path"].split("/", 2)[2]: (table, file)
            for table, one in manifest["tables"].items()
            for file in one["files"]
        }
        files = ((name, lake / file["path"], file["sha256"]) for name, (_, file) in described.items())

        def about(listed: Mapping[str, Any]) -> dict[str, Any]:
            tables: dict[str, Any] = {
                table: {**one, "files": []} for table, one in manifest["tables"].items()
            }
            for name, (table, file) in described.items():
                tables[table]["files"].append({**file, "path": listed[name]["path"]})
            return {"format": FORMAT, "run_id": manifest["run_id"], "tables": tables}

        return self.put(files, about)

    def put(
        self,
        files: Files,
        about: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        after: int | None = None,
    ) -> dict[str, Any]:
        """Send those of `files` that are new, then create a manifest that names all of them.

        `about` makes further entries of the manifest from the listed files. `after`: the number of the publication that
        this one must follow. Returns what `publish` does. Raises OmniumEltError if another run published meanwhile.
        """
        numbers = self.numbers()
        if after is not None and numbers and numbers[-1] > after:
            raise _overtaken(self.root, numbers[-1])
        newest = self.manifest(numbers[-1]) if numbers else {}
        there: Mapping[str, Any] = newest.get("files", {})
        number = (numbers[-1] if numbers else 0) + 1
        listed, sent = {}, 0
        for name, path, digest in files:
            if there.get(name, {}).get("sha256") == digest:
                listed[name] = there[name]
                continue
            size = path.stat().st_size
            place = f"files/{number:08}-{digest[:16]}/{path.name}"
            if _is_disk(self.files):
                self.files.makedirs(f"{self.root}/{place.rpartition('/')[0]}", exist_ok=True)
            self.files.put_file(str(path), f"{self.root}/{place}")
            listed[name] = {"path": place, "bytes": size, "sha256": digest}
            sent += size
        version = about(listed)
        if newest and listed == there and newest.get("run_id") == version["run_id"]:
            # Finish what a killed publication may have left undone.
            self.show(json.dumps(newest, indent=1).encode())
            if len(numbers) > KEPT:
                self._tidy(numbers)
            return {}
        self.create_manifest(numbers, {**version, "files": listed})
        return {"number": number, "files": len(listed), "bytes_sent": sent}

    def create_manifest(self, numbers: list[int], version: Mapping[str, Any]) -> None:
        """Create the manifest of the publication after `numbers`; delete files that no kept manifest names.

        Raises OmniumEltError if another run published since `numbers` were listed.
        """
        number = (numbers[-1] if numbers else 0) + 1
        published_at = in_utc(datetime.now(UTC), "seconds")
        text = json.dumps({"number": number, "published_at": published_at, **version}, indent=1).encode()
        self._commit(number, text)
        self.show(text)
        self._tidy([*numbers, number])

    def show(self, text: bytes) -> None:
        """Make `manifest.json` a copy of the newest manifest, unless it is one: a killed publication leaves it old."""
        path = f"{self.root}/manifest.json"
        if self.files.exists(path) and self.files.cat_file(path) == text:
            return
        if _is_disk(self.files):
            with replacing(Path(path)) as partial:
                partial.write_bytes(text)
        else:
            self.files.pipe_file(path, text)

    def numbers(self) -> list[int]:
        """The numbers of all publications, in ascending order."""
        names = self._names_in("manifests")
        return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())

    def _names_in(self, folder: str) -> list[str]:
        self.files.invalidate_cache()  # another program may have written files meanwhile
        try:
            found = self.files.ls(f"{self.root}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    def manifest(self, number: int) -> dict[str, Any]:
        """The manifest of a publication."""
        manifest: dict[str, Any] = json.loads(self.files.cat_file(self._path_of(number)))
        return manifest

    def _path_of(self, number: int) -> str:
        return f"{self.root}/manifests/{number:08}.json"

    def _commit(self, number: int, text: bytes) -> None:
        """Create the manifest. Raises OmniumEltError if there is another one of that number."""
        path = self._path_of(number)
        try:
            if _is_disk(self.files):
                self.files.makedirs(f"{self.root}/manifests", exist_ok=True)
                _create(Path(path), text)
            else:
                self.files.pipe_file(path, text, mode="create")
        except Exception as error:
            # Each kind of bucket raises its own error. If the manifest is ours, only the server's answer was lost.
            if not self.files.exists(path):
                raise
            if self.files.cat_file(path) != text:
                raise _overtaken(self.root, number) from error

    def _tidy(self, numbers: list[int]) -> None:
        """Delete old publications, and files older than the kept ones that none of these names.

        Newer files may belong to a publication that is still being made.
        """
        kept = numbers[-KEPT:]
        needed = {
            file["path"].split("/")[1] for number in kept for file in self.manifest(number)["files"].values()
        }
        for number in numbers[:-KEPT]:
            self.files.rm_file(self._path_of(number))
        for folder in self._names_in("files"):
            made_for = folder.partition("-")[0]
            if made_for.isdigit() and int(made_for) < kept[0] and folder not in needed:
                self.files.rm(f"{self.root}/files/{folder}", recursive=True)


def published_files(home: Home, published: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Every published file: its name relative to the home, and its path."""
    paths = [home.warehouse, home.exports / "report.html", home.manifest]
    paths += [home.exports / mart["file"] for mart in published.get("marts", {}).values()]
    for path in sorted(paths):
        if path.exists():
            yield path.relative_to(home.root).as_posix(), path


def _checked(url: str) -> tuple[str, str]:
    """The scheme of an address in lower case, and the address with it. Raises UsageError if it cannot be used."""
    scheme, separator, place = url.strip().partition("://")
    scheme = scheme.lower()
    if re.search(r"[?#]|:[^/@]*@", place):
        shown = re.sub(r"[^/]*:[^/@]*@", "", re.split("[?#]", place)[0])
        raise UsageError(
            f"{scheme}://{shown}: an address holds no credentials",
            "Set them as DESTINATION__FILESYSTEM__CREDENTIALS__… (docs/warehouses.md).",
        )
    if not separator or (scheme not in EXTRAS and scheme != "file") or not place.strip("/"):
        raise UsageError(
            f"{url}: files cannot be published there",
            f"Use one of {', '.join(EXTRAS)} (…://bucket/folder).",
        )
    return scheme, f"{scheme}://{place}"


def _overtaken(root: str, number: int) -> OmniumEltError:
    return OmniumEltError(
        f"another run published to {root} meanwhile (publication {number})",
        "Let one home publish to a folder; omnium-elt publish tries again.",
    )


def _create(path: Path, text: bytes) -> None:
    """Create a complete file on a disk. Raises FileExistsError if the file exists."""
    partial = partial_of(path)
    partial.write_bytes(text)
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with path.open("xb") as file:
            file.write(text)
    finally:
        partial.unlink()


def _is_disk(files: Any) -> bool:
    """Whether this is a local disk, where a folder must be created before a file in it."""
    return "file" in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol)
