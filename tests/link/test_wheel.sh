# A wheel is built from the sdist alone, holds what it must and nothing else, and imports in a fresh venv.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
python - "$TACHO_TEST_SOURCE" "$scratch" <<'PY'
import os, sys
from scikit_build_core import build
os.chdir(sys.argv[1])
build.build_sdist(sys.argv[2])
PY
python -m pip wheel -q --no-index --no-deps --no-build-isolation -w "$scratch/wheel" "$scratch"/tachograph-*.tar.gz
python -m zipfile -l "$scratch"/wheel/*.whl | awk 'NR > 1 {print $1}' >"$scratch/files"
for wanted in 'tachograph/_core\..*\.so' 'tachograph/_io\..*\.so' 'tachograph/libtachograph\.so' 'tachograph/py\.typed' \
    'tachograph/__init__\.py' '.*\.data/scripts/tacho' '.*/licenses/LICENSE' '.*/licenses/NOTICE'; do
    grep -q "^$wanted\$" "$scratch/files" || { echo "the wheel lacks $wanted"; cat "$scratch/files"; exit 1; }
done
if grep -E '\.(a|h|c|cmake|pc)$' "$scratch/files"; then
    echo "these do not belong into the wheel"
    exit 1
fi
python -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q --no-index --no-deps --disable-pip-version-check "$scratch"/wheel/*.whl
cd "$scratch"
"$scratch/venv/bin/python" -c 'import tachograph, subprocess
said = subprocess.run(["venv/bin/tacho", "--version"], check=True, capture_output=True, text=True).stdout
assert tachograph.__version__ in said, (tachograph.__version__, said)'
