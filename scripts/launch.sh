# shellcheck shell=bash
# What scripts/train and the jobs of schedulers share: `prdp launch` as a child that gets the
# signals which come here.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# split_arguments ARGUMENT...: sorts out what the launcher reads too, `configuration`, from what is for
# `prdp train` alone, `rest`; `is_debug` says whether --debug was among it.
split_arguments() {
  configuration=()
  rest=()
  is_debug=no
  while (($# > 0)); do
    case $1 in
      --config | --set)
        (($# > 1)) || die "$1 needs a value"
        configuration+=("$1" "$2") && shift ;;
      --config=* | --set=*) configuration+=("$1") ;;
      --debug) is_debug=yes ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
}

# without_resume ARGUMENT...: `words`, the arguments but --resume. A job that goes on takes the newest
# checkpoint, as the launcher does where nothing is said: never, or an old one, was for its first start.
without_resume() {
  words=()
  while (($# > 0)); do
    case $1 in
      --resume) if (($# > 1)); then shift; fi ;;
      --resume=*) ;;
      *) words+=("$1") ;;
    esac
    shift
  done
}

# launch PROGRAM: launches what `split_arguments` found; leaves the exit code in `status`.
#
# The launcher has a process group of its own: what a terminal sends to all that runs in it comes
# here alone, and the launcher gets it once. Twice would end the run before it has saved.
launch() {
  local launcher
  set -m
  "$1" launch "${configuration[@]}" -- train "${rest[@]}" </dev/null &
  launcher=$!
  set +m
  trap 'kill -INT "$launcher" 2>/dev/null || true' INT
  trap 'kill -TERM "$launcher" 2>/dev/null || true' TERM HUP
  trap 'kill -USR1 "$launcher" 2>/dev/null || true' USR1
  # A signal ends `wait` early; the run has some time to save.
  while kill -0 "$launcher" 2>/dev/null; do wait "$launcher" || true; done
  status=0
  wait "$launcher" || status=$?
}

# as_hosts: lines of a name and a number of slots as cluster.hosts has them.
as_hosts() { awk '{ printf "%s{name: \"%s\", slots: %d}", (NR > 1 ? ", " : "["), $1, $2 } END { print "]" }'; }
