#!/bin/bash
# The first process of a job's tree, PID 1 where it has a PID namespace: prepares what the job sees,
# starts its command, hands SIGTERM and SIGINT on, reaps (bash waits for any child), and ends with it.
#
#   job-init.sh NAMESPACED     0: no namespace of its own
#
# fd 0 and 1 lead to the warden: "ready PID START" -> "go" -> "running PID" or "failed WHY" -> "exit CODE".
# fd 3, 7, 8  the command's input, output, errors.   fd 2  the warden's log.
# fd 4  the plan, each field ended by NUL: counts before lists, "end" last.
# fd 5  the status: "running" once the command was started, end of file with our end.
# fd 6  the warden's mount namespace.   fd 9  the lock, held only.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
namespaced=$1
command=
trap 'woken=1; [[ $command ]] && kill -TERM "$command"' TERM
trap 'woken=1; [[ $command ]] && kill -INT "$command"' INT

fail() {
  printf 'failed %s\n' "$*"
  exit 125
}

# What the warden knows us by: /proc is still that of the outer namespace.
read -r stat </proc/self/stat
# shellcheck disable=SC2086
set -- ${stat##*) }
printf 'ready %s %s\n' "${stat%% *}" "${20}"
read -r word
[[ $word == go ]] || exit 125

mapfile -d '' -t -u 4 plan
[[ ${plan[-1]} == end ]] || fail "the plan was cut off"
at=0
# The next field in $field; the next counted list in $list.
next() { field=${plan[at++]}; }
next_list() {
  next
  list=("${plan[@]:at:field}")
  at=$((at + field))
}
next
cwd=$field
next_list
mounts=("${list[@]}")
next_list
setpriv=("${list[@]}")
next_list
variables=("${list[@]}")
next_list
argv=("${list[@]}")

# A mount made outside a namespace of our own would be the machine's: nothing is mounted without this proof.
if ((namespaced)); then
  [[ $$ == 1 && -e /proc/self/fd/6 && ! /proc/self/ns/mnt -ef /proc/self/fd/6 ]] || fail "no namespaces were entered"
elif ((${#mounts[@]})); then
  fail "there are no namespaces to mount in"
fi

# Sources are opened before anything is covered: a descriptor still leads to what a mount hides.
sources=() emptied=() folders=()
declare -A kept=()
for ((i = 0; i < ${#mounts[@]}; i += 3)); do
  [[ ${mounts[i]} == bind* ]] || continue
  exec {source}<"${mounts[i + 1]}" || fail "${mounts[i + 1]} cannot be opened"
  sources[i]=$source kept[${mounts[i + 2]}]=1
  [[ -d /proc/self/fd/$source ]] && folders+=("${mounts[i + 2]}")
done
if ((namespaced)); then
  mount -t proc -o nosuid,nodev,noexec proc /proc || fail "a private /proc cannot be mounted"
fi
for ((i = 0; i < ${#mounts[@]}; i += 3)); do
  target=${mounts[i + 2]}
  case ${mounts[i]} in
  hide)
    [[ -d $target ]] || continue
    mount -t tmpfs -o mode=0755,size=1m,nr_inodes=4096 none "$target" || fail "$target cannot be hidden"
    emptied+=("$target")
    ;;
  bind | bind-ro)
    source=/proc/self/fd/${sources[i]}
    if [[ -d $source ]]; then
      # All at once, since each program that is started takes its time: what is not covered yet is there already.
      [[ -d $target ]] || mkdir -p "${folders[@]}"
    else
      mkdir -p "${target%/*}" && : >>"$target"
    fi
    mount -c --rbind "$source" "$target" || fail "$target cannot be shown"
    if [[ ${mounts[i]} == bind-ro ]]; then
      mount -o remount,bind,ro none "$target" || fail "$target cannot be sealed"
    fi
    ;;
  esac
done
# Writing where nothing is kept fails then, instead of being lost.
for target in "${emptied[@]}"; do
  [[ ${kept[$target]} ]] || mount -o remount,bind,ro none "$target" || fail "$target cannot be sealed"
done
for source in "${sources[@]}"; do exec {source}<&-; done

cd -- "$cwd" 2>/dev/null || fail "the folder $cwd cannot be entered"
[[ -f ${argv[0]} && -x ${argv[0]} ]] || fail "${argv[0]} is not an executable file"

env=$(type -P env) setsid=$(type -P setsid)
setpriv[0]=$(type -P setpriv)
(
  trap - TERM INT QUIT # bash ignores the last two in what it starts in the background
  exec 0<&3 1>&7 2>/dev/null 3<&- 4<&- 5>&- 6<&- 7>&- 9>&-
  # Values reach the command without being in anyone's argv.
  mapfile -t ours < <(compgen -e)
  for name in "${ours[@]}"; do export -n "$name"; done
  for pair in "${variables[@]}"; do export -- "$pair"; done
  exec 2>&8 8>&-
  exec "$setsid" "${setpriv[@]}" -- "$env" -u _ -- "${argv[@]}" # bash adds `_`; env takes it out
) &
command=$!
exec 0</dev/null 3<&- 4<&- 6<&- 7>&- 8>&-
printf 'running %s\n' "$command"
echo running >&5

# `wait` also returns when a signal was handed on.
while :; do
  woken=
  wait "$command" 2>/dev/null
  code=$?
  [[ $woken ]] || break
done
printf 'exit %s\n' "$code"
