# The quickstart prints the bill of its sample, and of the user's own logs when there are some; it leaves no history.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tacho-quickstart-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export HOME="$scratch/home" XDG_STATE_HOME="$scratch/state"
mkdir "$scratch/home"

expect() { # FILE TEXT
    grep -q -F -e "$2" "$1" || {
        echo "\"$2\" is not in:"
        cat "$1"
        exit 1
    }
}

# Six calls of claude-opus-4-6: 24 input, 19,800 cache write (1 h), 43,200 cache read, 2,510 output; three of
# claude-sonnet-4-5-20250929: 12, 8,700, 16,700 and 901. At 5, 10, 0.5, 25 and 3, 6, 0.3, 15 USD per million tokens.
sh "$TACHO_TEST_SOURCE/examples/quickstart.sh" >"$scratch/sample" 2>"$scratch/sample.err" || {
    cat "$scratch/sample" "$scratch/sample.err"
    exit 1
}
expect "$scratch/sample.err" 'sample in examples/claude-code'
expect "$scratch/sample" 'claude-opus-4-6'
expect "$scratch/sample" '$0.2825'
expect "$scratch/sample" '$0.0708'
expect "$scratch/sample" 'cost $0.353231'

mkdir -p "$scratch/home/.claude/projects"
cp -r "$TACHO_TEST_SOURCE/examples/claude-code/demo-project" "$scratch/home/.claude/projects/a folder"
sh "$TACHO_TEST_SOURCE/examples/quickstart.sh" >"$scratch/own" 2>"$scratch/own.err"
! grep -q sample "$scratch/own.err"
expect "$scratch/own" '0.353231'

mkdir "$scratch/elsewhere"
mv "$scratch/home/.claude/projects" "$scratch/elsewhere/projects"
CLAUDE_CONFIG_DIR="$scratch/nowhere,$scratch/elsewhere" sh "$TACHO_TEST_SOURCE/examples/quickstart.sh" \
    >"$scratch/own" 2>"$scratch/own.err"
! grep -q sample "$scratch/own.err"
expect "$scratch/own" '0.353231'

[ -z "$(find "$scratch" -name '*.db')" ]
