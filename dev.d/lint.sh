# shellcheck shell=bash
# `./dev lint` and `./dev format`. Sourced by ../dev.

sourceFiles() { git ls-files --cached --others --exclude-standard -- '*.hpp' '*.cpp' '*.h' '*.c'; }

# Files that differ from where this branch left main, committed or not.
changedFiles() {
    local base
    base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || echo HEAD)
    { git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | sort -u
}

# Reads file names; prints the .cpp files among them and those that include a header among them.
translationUnits() {
    local file
    while read -r file; do
        case $file in
            *.cpp) echo "$file" ;;
            *.hpp) git grep --untracked -lF -e "\"$file\"" -e "<${file#sdk/include/}>" -- '*.cpp' || true ;;
        esac
    done | sort -u
}

runFormat() {
    needPackages lint
    say "formatting"
    sourceFiles | xargs -r clang-format-19 -i
}

runLint() {
    local failed=0 files units
    needPackages build lint
    if [[ ${1:-} == --all ]]; then files=$(sourceFiles); else files=$(changedFiles); fi

    say "clang-format"
    { grep -E '\.(hpp|cpp|h|c)$' <<<"$files" || true; } | xargs -r clang-format-19 --dry-run -Werror || failed=1

    say "shellcheck"
    # shellcheck disable=SC2046
    shellcheck -x dev .ci/run $(git grep --untracked -lE '^#!.*\bbash$' -- tests) || failed=1

    say "rules between rooms"
    tests/layering/check || failed=1

    units=$(translationUnits <<<"$files")
    if [[ -n $units ]]; then
        useCcache
        cmake --preset tidy >/dev/null
        cmake --build build/tidy --target objects/plugins/grpc/generated/mcp.grpc.pb.h >/dev/null  # included by what is read
        say "clang-tidy on $(wc -l <<<"$units") files"
        # Only what the build compiles: a file that no target names has no compile command.
        { grep -Fx -f <(sed -n "s|^ *\"file\": \"$root/\(.*\)\",*$|\1|p" build/tidy/compile_commands.json) <<<"$units" || true; } |
            xargs -r -P "$(nproc)" -n 1 clang-tidy-19 --quiet -p build/tidy --warnings-as-errors='*' || failed=1
    fi
    ((failed == 0)) || die "lint found something, see above; './dev format' settles the formatting"
    say "clean"
}
