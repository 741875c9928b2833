#!/usr/bin/env bash
# build.sh: compiles the bundled filters, filters/<name>/ to filters/<name>.wasm, and writes filters/SHA256SUMS.
#
#   filters/build.sh [NAME...]   all filters, or these
#   filters/build.sh --check     builds all in a temporary folder and compares them with the committed ones, byte for byte
#
# The compiler is .ci/tinygo's. TINYGO names another one: its filters work as well, but link another libc, so that their
# bytes differ from the committed ones and --check does not hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The standard library is compiled into the filters, so its version is part of the recipe. Go fetches it where it is not
# the installed one.
export GOTOOLCHAIN=go1.26.8 GOFLAGS=-mod=readonly
unset TINYGOROOT GOOS GOARCH GOWORK
export LC_ALL=C

out=filters check=
if [ "${1-}" = --check ]; then
    check=1
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    shift
fi
names=("$@")
# The filter that tests the SDK is compiled like the others, and bundled with nothing.
selftest=guest-sdk/internal/selftest
if [ ${#names[@]} = 0 ]; then
    names=("$selftest")
    for main in filters/*/main.go; do
        names+=("$(basename "$(dirname "$main")")")
    done
fi

tinygo=${TINYGO:-$(.ci/tinygo)}
for name in "${names[@]}"; do
    package=./filters/$name module=$out/$name.wasm
    if [ "$name" = "$selftest" ]; then
        package=./$selftest module=$selftest/selftest.wasm
        [ -z "$check" ] || module=$out/selftest.check
    fi
    # -scheduler=none: half the size, and a call is hundreds of times faster than with the default. -no-debug: the same
    # bytes in every directory. LLVM 19 does not know two of the target's features, and says so twice a module.
    "$tinygo" build -o "$module" -target=wasi -scheduler=none -no-debug "$package" 2> >(
        grep -v 'is not a recognized feature for this target' >&2 || true
    )
    printf '%-28s %8d bytes\n' "${name##*/}.wasm" "$(stat -c %s "$module")"
done

if [ -z "$check" ]; then
    (cd filters && sha256sum -- *.wasm >SHA256SUMS)
    exit 0
fi
(cd filters && sha256sum --quiet -c SHA256SUMS)
failed=0
for module in filters/*.wasm "$out"/*.wasm; do
    name=$(basename "$module")
    if ! cmp "filters/$name" "$out/$name"; then
        failed=1
    fi
done
if [ -e "$out/selftest.check" ]; then
    cmp "$selftest/selftest.wasm" "$out/selftest.check" || failed=1
fi
if [ $failed != 0 ]; then
    echo "the committed filters are not what their sources compile to: run make filters and commit filters/*.wasm, filters/SHA256SUMS and $selftest/selftest.wasm" >&2
    exit 1
fi
echo "the committed filters are what their sources compile to"
