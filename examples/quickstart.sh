#!/bin/sh
# What did your coding agent cost? Builds the command and prints the bill of the agent's logs found on this machine; with
# none, of a small invented log in examples/claude-code (the numbers are then those of the sample and it says so).
# Everything it writes stays in build/quickstart and in a temporary folder; your own history is not touched.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/quickstart
sh "$root/tests/install-deps.sh" build

mkdir -p "$build"
if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build "$build"; } >"$build/log" 2>&1; then
    cat "$build/log" >&2
    exit 1
fi
tacho=$build/core/cli/tacho

temporary=$(mktemp -d "${TMPDIR:-/tmp}/tacho-quickstart.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
history=$temporary/history.db

# CLAUDE_CONFIG_DIR may name several folders, with commas between them.
set --
old_ifs=$IFS
IFS=,
set -f
for folder in ${CLAUDE_CONFIG_DIR-}; do
    set -- "$@" "$folder/projects"
done
set +f
IFS=$old_ifs
if [ $# = 0 ] && [ -n "${HOME-}" ]; then
    set -- "$HOME/.claude/projects" "$HOME/.config/claude/projects"
fi

for folder in "$@"; do
    shift
    if [ -n "$(find "$folder" -name '*.jsonl' -print 2>/dev/null | head -n 1)" ]; then
        set -- "$@" "$folder"
    fi
done
if [ $# = 0 ]; then
    echo "No logs of an agent found here; this is the sample in examples/claude-code." >&2
    set -- "$root/examples/claude-code"
fi

"$tacho" import claude-code "$@" --history "$history"
echo
"$tacho" usage --history "$history"
echo
"$tacho" summary --history "$history"
