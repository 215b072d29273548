"""Make the built-in price table from the newest genai-prices and litellm packages.

    python3 core/src/price/generate/update.py --tacho build/tacho

downloads the two packages with pip (as data: nothing of them is imported or run), builds the table with
`tacho prices build`, and writes `table_builtin.c`, `overrides_builtin.c` and `prices.lock.json` beside this folder. The
packages' files are not kept: the lock names them by version and hash. With --genai FILE and --litellm FILE nothing is
downloaded. The report says what was rejected, quarantined or is worth a look; read it before committing.

With --locked the versions and the day of prices.lock.json are taken, and nothing is written: exit code 1 says that the
files which are committed cannot be made so.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import embed
import package_json

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent
GENAI_DATA = "genai_prices/data.py"
LITELLM_DATA = "litellm/model_prices_and_context_window_backup.json"


def download(package, folder, version=None):
    """Path of the newest wheel of a package, or of the one of a version."""
    wanted = package if version is None else f"{package}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), wanted]
    subprocess.run(command, check=True)
    return next(folder.glob(package.replace("-", "_") + "-*.whl"))


def wheel_member(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def described(name, version, data):
    return {"name": name, "version": version, "sha256": hashlib.sha256(data).hexdigest()}


def genai_source(arguments, folder, version):
    if arguments.genai:
        data = pathlib.Path(arguments.genai).read_bytes()
        return data, described("genai-prices", "file", data)
    wheel = download("genai-prices", folder, version)
    data = wheel_member(wheel, GENAI_DATA)
    text = package_json.dump(package_json.providers_from_source(data.decode("utf-8")))
    return text.encode("utf-8"), described("genai-prices", wheel.name.split("-")[1], data)


def litellm_source(arguments, folder, version):
    if arguments.litellm:
        data = pathlib.Path(arguments.litellm).read_bytes()
        return data, described("litellm", "file", data)
    wheel = download("litellm", folder, version)
    data = wheel_member(wheel, LITELLM_DATA)
    return data, described("litellm", wheel.name.split("-")[1], data)


def write_overrides(locked):
    """Minified. Returns whether it differs from what the command was built from."""
    text = json.dumps(json.loads((HERE / "overrides.json").read_text("utf-8")), separators=(",", ":"))
    source = embed.source(text.encode("utf-8"), "overrides_text", "From overrides.json.", "price/overrides.h")
    path = OUT / "overrides_builtin.c"
    changed = not path.exists() or path.read_text("utf-8") != source
    if not locked:
        path.write_text(source, "utf-8")
    return changed


def build(tacho, files, date, folder):
    table = folder / "prices.tachoprices"
    command = [tacho, "prices", "build", *map(str, files), "--date", date, "-o", str(table)]
    subprocess.run(command, check=True)
    return table.read_bytes()


def read_lock():
    return json.loads((OUT / "prices.lock.json").read_text("utf-8"))


def outputs(table, sources, date):
    """Texts of the files that are committed, by name."""
    note = ", ".join(f"{source['name']} {source['version']}" for source in sources) + ", MIT, see NOTICE."
    lock = {"date": date, "bytes": len(table), "sources": sources}
    return {
        "table_builtin.c": embed.source(table, "builtin_bytes", note, "price/table.h"),
        "prices.lock.json": json.dumps(lock, indent=2) + "\n",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tacho", required=True, help="the command, built from this tree")
    parser.add_argument("--genai", help="genai-prices JSON (v2) instead of the package")
    parser.add_argument("--litellm", help="litellm's price map instead of the package")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="day written into the table")
    parser.add_argument("--locked", action="store_true", help="make the table of the lock file again, and compare")
    arguments = parser.parse_args()
    lock = read_lock() if arguments.locked else {"sources": [], "date": arguments.date}
    versions = {source["name"]: source["version"] for source in lock["sources"]}
    if write_overrides(arguments.locked):
        sys.exit("overrides_builtin.c has changed: build the command again, then run this again")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources = [
            genai_source(arguments, folder, versions.get("genai-prices")),
            litellm_source(arguments, folder, versions.get("litellm")),
        ]
        files = []
        for data, description in sources:
            path = folder / (description["name"] + "-" + description["version"] + ".json")
            path.write_bytes(data)
            files.append(path)
        table = build(arguments.tacho, files, lock["date"], folder)
    texts = outputs(table, [source for _, source in sources], lock["date"])
    differ = [name for name, text in texts.items() if (OUT / name).read_text("utf-8") != text]
    if arguments.locked:
        sys.exit(f"not as committed: {', '.join(differ)}" if differ else None)
    for name, text in texts.items():
        (OUT / name).write_text(text, "utf-8")
    print(f"{len(table)} bytes: {', '.join(path.name for path in files)}")


if __name__ == "__main__":
    main()
