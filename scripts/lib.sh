# shellcheck shell=bash
# What the scripts share. They run from the root of the package.

# A path of the user's, before the working directory changes.
if [[ -n ${LIBTORCH:-} ]]; then LIBTORCH=$(realpath -m "$LIBTORCH") && export LIBTORCH; fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

say() { printf '%s\n' "$*"; }

# die WHAT: says what is wrong and what to do, and ends.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# timed WHAT COMMAND...: runs a command and says how long it took.
timed() {
  local what=$1 start=$SECONDS
  shift
  say "$what"
  "$@"
  say "  took $((SECONDS - start)) s"
}

# Open MPI refuses to start as root, as in a container, unless told twice.
if [[ $(id -u) == 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# mpi_flags RANKS: the options of mpirun for this machine, one a line.
mpi_flags() {
  printf '%s\n' -np "$1" --bind-to none --use-hwthread-cpus
  if (($1 > $(nproc))); then printf '%s\n' --oversubscribe; fi
}
