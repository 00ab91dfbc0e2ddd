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
# fd 0  lifeline. Lines: "grant SOFT HARD", "int", "term HARD", "kill". End of file: kill the tree.
# fd 1, 2, 3  the job's output, errors and input.   fd 4  the plan, read by INIT.
# fd 5  "running" is written here once the job's command was started.
#
# DIR gets warden.json before the command starts, exit.json after the last process is gone, and warden.log.
set -m # each child leads a process group and gets default signals (else SIGINT would be ignored)
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
job=$1 fence=$2 dir=$3 soft=$4 hard=$5 init=$6
shift 6
enter=("$@")
exec 7>&1 8>&2 2>>"$dir/warden.log"

# Writes standard input to $dir/$1: whole or not at all.
put() { cat >"$dir/$1.new" && mv -fT "$dir/$1.new" "$dir/$1"; }

# Hundredths of a second since boot, in $now.
clock() {
  read -r now _ </proc/uptime
  now=$((10#${now/./}))
}

# Field 22 of /proc/PID/stat in $start; fails when there is no such process or only its zombie.
start_of() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [[ $1 != [ZX] ]] && start=${20}
}

# A process id may be in use again: only the process that was introduced is signalled.
signal_init() { start_of "$init_pid" && [[ $start == "$init_start" ]] && kill "-$1" "$init_pid" 2>/dev/null; }

# Without a namespace: all that descends from init now, before its death cuts the ties.
descendants() {
  local -A parent=()
  local file fields found=1
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue
    # shellcheck disable=SC2206
    fields=(${stat##*) })
    parent[${stat%% *}]=${fields[1]}
  done
  family=("$init_pid")
  local -A known=(["$init_pid"]=1)
  while ((found)); do
    found=0
    for file in "${!parent[@]}"; do
      [[ ! ${known[$file]} && ${known[${parent[$file]}]} ]] || continue
      known[$file]=1 family+=("$file") found=1
    done
  done
}

# Without a namespace: kills until no process carries the job's marker, for at most about five seconds.
sweep() {
  local files round
  for round in {1..100}; do
    mapfile -t files < <(grep -lsxzF "AGENTICORE_JOB_ID=$job" /proc/[0-9]*/environ)
    ((${#files[@]})) && mapfile -t files < <(grep -lsxzF "AGENTICORE_FENCE=$fence" "${files[@]}")
    ((${#files[@]})) || return 0
    files=("${files[@]#/proc/}")
    kill -KILL "${files[@]%/environ}" 2>/dev/null
    sleep 0.05
  done
}

# SIGKILL to everything. The kernel ends a namespace with its init, whatever its processes did.
kill_tree() {
  if ((${#enter[@]} == 0)); then
    descendants
    signal_init KILL
    kill -KILL "${family[@]:1}" 2>/dev/null
    sweep
  else
    signal_init KILL
  fi
}

# The first cause counts.
because() { [[ -e $dir/cause ]] || printf '%s\n' "$1" >"$dir/cause"; }

end() {
  because "$1"
  kill_tree
  exit 0
}

# Follows the lifeline and the deadlines; a process beside the warden, which waits for the job's end.
watch() {
  local ending='' word a b next status
  while :; do
    clock
    ((now >= hard)) && end expired
    if [[ ! $ending ]] && ((now >= soft)); then
      ending=1
      because expired
      signal_init TERM
    fi
    next=$hard
    [[ ! $ending ]] && ((soft < next)) && next=$soft
    next=$((next - now < 100 ? next - now : 100)) # looks at the boot clock each second: a suspend counts
    printf -v next '%d.%02d' $((next / 100)) $((next % 100))
    word=
    read -r -t "$next" word a b
    status=$?
    if ((status > 128)); then
      kill -0 "$child" 2>/dev/null || exit 0
      continue
    fi
    ((status)) && end lifeline
    case $word in
    grant) [[ ! $ending && "$a$b" =~ ^[0-9]+$ ]] && soft=$a hard=$b ;;
    int) signal_init INT ;;
    term)
      [[ $a =~ ^[0-9]+$ ]] || continue
      ((a < hard)) && hard=$a
      because terminated
      [[ $ending ]] || signal_init TERM
      ending=1
      ;;
    kill) end killed ;;
    esac
  done
}

# What the runner reads when all is over, also one that starts later.
report() {
  local cause=exited
  [[ -e $dir/cause ]] && read -r cause <"$dir/cause"
  printf '{"job":"%s","fence":%d,"reason":"%s","code":%s}\n' "$job" "$fence" "$cause" "${code:-null}" | put exit.json
}

code=
rm -f "$dir/cause" "$dir/exit.json"
# Init dies with the warden by the parent-death signal, and with init its namespace. It waits for "go":
# a warden that died before that signal was armed never says it.
coproc inner {
  exec 5>&-
  exec setpriv --pdeathsig KILL -- "${enter[@]}" bash --norc --noprofile "$init" "${#enter[@]}"
}
# shellcheck disable=SC2154
child=$inner_PID
exec 10<&"${inner[0]}" 11>&"${inner[1]}" 1>&2 3<&- 4<&- 7>&- 8>&-

read -r -t 20 -u 10 word init_pid init_start
if [[ $word == ready && $init_pid =~ ^[0-9]+$ ]]; then
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
  start_of $$
  printf '{"job":"%s","fence":%d,"boot_id":"%s","pid":%d,"start_time":%s,"init_pid":%d,"init_start_time":%s}\n' \
    "$job" "$fence" "$boot" $$ "$start" "$init_pid" "$init_start" | put warden.json && echo go >&11
  read -r -t 20 -u 10 word detail
fi
exec 11>&-
if [[ $word == running ]]; then
  echo running >&5
  exec 5>&-
  watch <&0 10<&- &
  watcher=$!
  exec 0</dev/null
  # Whichever ends first: without its watcher the job would outlive its grant.
  while kill -0 "$child" 2>/dev/null && kill -0 "$watcher" 2>/dev/null; do
    wait -fn "$child" "$watcher" 2>/dev/null
  done
  if kill -0 "$child" 2>/dev/null; then
    because lifeline
    kill_tree
  fi
  wait -f "$child" 2>/dev/null
  ((${#enter[@]})) || sweep
  { kill -KILL "$watcher" && wait -f "$watcher"; } 2>/dev/null
  while read -r -t 1 -u 10 word detail; do
    [[ $word == exit ]] && code=$detail
  done
else
  printf '%s\n' "${detail:-the sandbox could not be entered}" >&2
  kill -KILL "$child" 2>/dev/null
  wait -f "$child" 2>/dev/null
  because failed
fi
report
