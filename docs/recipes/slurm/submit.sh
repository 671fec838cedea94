#!/bin/bash
# Submits an evaluation as a job array over its outer folds, and the job that joins them.
# Usage: submit.sh FOLDS DATA --out FILE [options of `pdmr-classic evaluate`]
# FOLDS are the numbers of the outer folds, such as 1-15 for 5 folds and 3 repeats.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folds=$1
shift

array=$(sbatch --parsable --array="$folds" "$here/evaluate.sbatch" "$@")
# afterany, not afterok: if a fold failed, the output of this job says which to submit again.
join=$(sbatch --parsable --dependency="afterany:$array" "$here/join.sbatch" "$@")
echo "outer folds: job $array, join: job $join"
