#!/bin/bash
# The warden of one job. It lives in a session of its own and keeps the job's processes alive only
# while the runner grants it time; whoever dies first, nothing of the job is left.
#
#   warden.sh JOB FENCE DIR SOFT HARD INIT [ENTER...]
#
# SOFT, HARD  SIGTERM and SIGKILL are due then: hundredths of a second since boot (/proc/uptime),
#             so neither a wall clock that jumps nor a line that is read late gives more time.
# INIT        job-init.sh; ENTER is the command that puts it into namespaces of its own, none: no namespace.
#
# fd 0  lifeline. Lines: "grant SOFT HARD", "int", "term HARD", "kill", and "look": the tree has ended or soon will; each
#       with " ." behind, see timed-line.ts. End of file: kill the tree.
# fd 1, 2, 3  the job's output, errors and input.   fd 4, 5  the plan and the status, see INIT.
#
# DIR gets warden.json before the command starts, exit.json after the last process is gone, warden.log, and lock.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
job=$1 fence=$2 dir=$3 soft=$4 hard=$5 init=$6
shift 6
enter=("$@")
# What the warden writes is for its user alone; the job keeps the mask that it would have had.
mask=$(umask)
umask 077
cause='' code=''
# What whoever started the runner left open is none of the job's business; 255 is this script.
for fd in /proc/self/fd/*; do
  fd=${fd##*/}
  ((fd > 5 && fd != 255)) && exec {fd}>&-
done
exec 7>&1 8>&2 2>>"$dir/warden.log"

# Writes $2 to $dir/$1: whole or not at all.
put() { printf '%s\n' "$2" >"$dir/$1.new" && mv -fT "$dir/$1.new" "$dir/$1"; }

# Hundredths of a second since boot, in $now.
clock() {
  read -r now _ </proc/uptime
  now=$((10#${now/./}))
}

# Field 22 of /proc/PID/stat in $start; fails when there is no such process or only its zombie.
start_of() {
  [[ $1 ]] || return 1 # /proc//stat is that of the machine
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [[ $1 != [ZX] ]] && start=${20}
}

# Whether process $1 is still the one that started at $2: ids are used again.
lives() { start_of "$1" && [[ $start == "$2" ]]; }
signal_init() { lives "$init_pid" "$init_start" && kill "-$1" "$init_pid" 2>/dev/null; }

# Without a namespace: prints all that descends from init. Field 4 of /proc/PID/stat is the parent.
descendants() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$init_pid" '
    { pid = $1; sub(/^.*\) /, ""); parent[pid] = $2 }
    END {
      known[root]
      do {
        found = 0
        for (pid in parent) if (!(pid in known) && parent[pid] in known) { known[pid]; print pid; found = 1 }
      } while (found)
    }'
}

# Without a namespace: kills until no process carries the job's marker, for at most about five seconds. Three looks in
# a row must find none: in the moment of its execve(2) a process has no environment to be seen in.
sweep() {
  local files round clean=0
  for round in {1..200}; do
    mapfile -t files < <(grep -lsxzF "AGENTICORE_JOB_ID=$job" /proc/[0-9]*/environ)
    ((${#files[@]})) && mapfile -t files < <(grep -lsxzF "AGENTICORE_FENCE=$fence" "${files[@]}")
    if ((${#files[@]})); then
      clean=0
      files=("${files[@]#/proc/}")
      kill -KILL "${files[@]%/environ}" 2>/dev/null
    else
      ((++clean < 3)) || return 0
    fi
    sleep 0.02
  done
}

# SIGKILL to everything. The kernel ends a PID namespace with its init, whatever its processes did.
kill_tree() {
  local family=()
  # Before init dies, which cuts the ties between the others.
  ((${#enter[@]})) || mapfile -t family < <(descendants)
  signal_init KILL || kill -KILL "$child" 2>/dev/null # its end is init's, too
  ((${#enter[@]})) && return
  kill -KILL "${family[@]}" 2>/dev/null
  sweep
}

# Follows the lifeline and the deadlines until the tree has ended. With a namespace its outermost process, our
# child, ends last: it waits for init, and the kernel lets init end when nothing is left below it.
watch() {
  local pause part line='' status quick=0 gone='' ending=''
  while lives "$child" "$child_start"; do
    clock
    if ((now >= hard)); then
      cause=${cause:-expired} hard=$((now + 100)) # and again, should it not have worked
      kill_tree
    elif [[ ! $ending ]] && ((now >= soft)); then
      cause=${cause:-expired} ending=1
      signal_init TERM
    fi
    if [[ $gone ]]; then
      sleep 0.02
      continue
    fi
    pause=$((hard - now < 100 ? hard - now : 100)) # the boot clock counts a suspend, `read` does not
    [[ ! $ending ]] && ((soft - now < pause)) && pause=$((soft - now))
    ((quick-- > 0)) && pause=1
    printf -v pause '%d.%02d' $((pause / 100)) $((pause % 100))
    IFS= read -r -t "$pause" part
    status=$?
    if ((status && status <= 128)); then
      cause=${cause:-lifeline} gone=1 hard=0
      continue
    fi
    line+=$part # the time may be over in the middle of a line, or behind its end
    [[ $status == 0 || $line == *' .' ]] || continue
    # shellcheck disable=SC2086
    set -- $line
    line=
    case $1 in
    grant) [[ ! $ending && "$2 $3" =~ ^[0-9]+\ [0-9]+$ ]] && soft=$2 hard=$3 ;;
    int) signal_init INT ;;
    term)
      [[ $2 =~ ^[0-9]+$ ]] || continue
      (($2 < hard)) && hard=$2
      [[ $ending ]] || signal_init TERM
      cause=${cause:-terminated} ending=1
      ;;
    kill) cause=${cause:-killed} ending=1 hard=0 ;;
    look) quick=200 ;;
    esac
  done
}

# Held by the warden and init: who can lock this file knows that the tree is dead, also from another container.
exec 9>>"$dir/lock"
flock -n 9 && [[ ! -e $dir/closed ]] || exit 1 # closed: the attempt was given up before this came to run
[[ -e $dir/exit.json ]] && rm -f "$dir/exit.json"

# Init dies with the warden by the parent-death signal, and with init its namespace. It waits for "go":
# a warden that died before that signal was armed never says it.
exec 6</proc/self/ns/mnt # by which INIT sees that it has left it
coproc inner {
  trap - INT QUIT # bash ignores them in what it starts in the background
  umask "$mask"
  # What ends at once would take its pipes and its number with it, before they are noted below.
  read -r -t 20 word && [[ $word == noted ]] || exit 1
  # With the marker from here on: a child of init's that has not become the command yet must be found by it too.
  AGENTICORE_JOB_ID=$job AGENTICORE_FENCE=$fence \
    exec setpriv --pdeathsig KILL -- "${enter[@]}" bash --norc --noprofile "$init" "${#enter[@]}"
}
# shellcheck disable=SC2154
child=$inner_PID
start_of "$child"
child_start=$start
exec 10<&"${inner[0]}" 11>&"${inner[1]}" 1>&2 3<&- 4<&- 5>&- 6<&- 7>&- 8>&-
echo noted >&11

read -r -t 20 -u 10 word init_pid init_start
if [[ $word == ready && $init_pid =~ ^[0-9]+$ ]]; then
  read -r boot </proc/sys/kernel/random/boot_id
  start_of $$
  printf -v record '{"job":"%s","fence":%d,"boot_id":"%s","pid":%d,"start_time":%s,"init_pid":%d,"init_start_time":%s}' \
    "$job" "$fence" "$boot" $$ "$start" "$init_pid" "$init_start"
  put warden.json "$record"
  clock
  if ((now >= soft)); then
    cause=expired # a runner that slept between claim and start must not begin what is no longer its own
  elif [[ -s $dir/warden.json ]] && echo go >&11; then
    read -r -t 20 -u 10 word detail
  fi
fi
exec 11>&-
[[ $word == running ]] || cause=${cause:-failed} hard=0
watch
((${#enter[@]})) || sweep
[[ $cause == failed && $detail ]] && printf '%s\n' "$detail" >&2 # its last line is what people are told
while read -r -t 1 -u 10 word detail; do
  [[ $word == exit ]] && code=$detail
done
# What the runner reads when all is over, also one that starts later.
printf -v record '{"job":"%s","fence":%d,"reason":"%s","code":%s}' "$job" "$fence" "${cause:-exited}" "${code:-null}"
put exit.json "$record"
