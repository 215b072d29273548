"""Make the built-in price table from the newest genai-prices and litellm packages.

    python3 core/src/price/generate/update.py --tacho build/tacho

downloads the two packages with pip (as data: nothing of them is imported or run), builds the table with
`tacho prices build`, and writes `table_builtin.c`, `overrides_builtin.c` and `prices.lock.json` beside this folder. The
packages' files are not kept: the lock names them by version and hash. With --genai FILE and --litellm FILE nothing is
downloaded. The report says what was rejected, quarantined or is worth a look; read it before committing.
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


def download(package, folder):
    """Path of the newest wheel of a package."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run(command, check=True)
    return next(folder.glob(package.replace("-", "_") + "-*.whl"))


def wheel_member(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def described(name, version, data):
    return {"name": name, "version": version, "sha256": hashlib.sha256(data).hexdigest()}


def genai_source(arguments, folder):
    if arguments.genai:
        data = pathlib.Path(arguments.genai).read_bytes()
        return data, described("genai-prices", "file", data)
    wheel = download("genai-prices", folder)
    data = wheel_member(wheel, GENAI_DATA)
    text = package_json.dump(package_json.providers_from_source(data.decode("utf-8")))
    return text.encode("utf-8"), described("genai-prices", wheel.name.split("-")[1], data)


def litellm_source(arguments, folder):
    if arguments.litellm:
        data = pathlib.Path(arguments.litellm).read_bytes()
        return data, described("litellm", "file", data)
    wheel = download("litellm", folder)
    data = wheel_member(wheel, LITELLM_DATA)
    return data, described("litellm", wheel.name.split("-")[1], data)


def write_overrides():
    """Minified; returns the text so that a caller can compare it with what the command was built from."""
    text = json.dumps(json.loads((HERE / "overrides.json").read_text("utf-8")), separators=(",", ":"))
    source = embed.source(text.encode("utf-8"), "overrides_text", "From overrides.json.", "price/overrides.h")
    path = OUT / "overrides_builtin.c"
    changed = not path.exists() or path.read_text("utf-8") != source
    path.write_text(source, "utf-8")
    return changed


def build(tacho, files, date, folder):
    table = folder / "prices.tachoprices"
    command = [tacho, "prices", "build", *map(str, files), "--date", date, "-o", str(table)]
    subprocess.run(command, check=True)
    return table.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tacho", required=True, help="the command, built from this tree")
    parser.add_argument("--genai", help="genai-prices JSON (v2) instead of the package")
    parser.add_argument("--litellm", help="litellm's price map instead of the package")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="day written into the table")
    arguments = parser.parse_args()
    if write_overrides():
        sys.exit("overrides_builtin.c has changed: build the command again, then run this again")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources = [genai_source(arguments, folder), litellm_source(arguments, folder)]
        files = []
        for data, description in sources:
            path = folder / (description["name"] + "-" + description["version"] + ".json")
            path.write_bytes(data)
            files.append(path)
        table = build(arguments.tacho, files, arguments.date, folder)
    note = ", ".join(f"{source['name']} {source['version']}" for _, source in sources) + ", MIT, see NOTICE."
    (OUT / "table_builtin.c").write_text(embed.source(table, "builtin_bytes", note, "price/table.h"), "utf-8")
    lock = {"date": arguments.date, "bytes": len(table), "sources": [source for _, source in sources]}
    (OUT / "prices.lock.json").write_text(json.dumps(lock, indent=2) + "\n", "utf-8")
    print(f"{len(table)} bytes: {note}")


if __name__ == "__main__":
    main()
