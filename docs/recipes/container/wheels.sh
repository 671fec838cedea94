#!/bin/bash
# Collects the wheels for the Containerfile, in the versions of constraints.txt; needs network, the build does not.
# Usage: wheels.sh FOLDER [EXTRAS], with the Python version and the platform of the image; then, for example:
#     podman build --network=none --tag pdmr-classic FOLDER
set -eu
extras=${2:-report}
mkdir -p "$1/wheels"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../../.." && pwd)

cp "$here/Containerfile" "$folder"
python3 -m pip wheel --no-deps --wheel-dir "$folder/wheels" "$project"
python3 -m pip download --only-binary=:all: --constraint "$project/constraints.txt" --dest "$folder/wheels" \
    "$project[$extras]"
