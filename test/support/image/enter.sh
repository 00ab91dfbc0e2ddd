#!/bin/sh
# enter.sh MODE ROOT [HOST:PATH]... -- COMMAND...: runs COMMAND with ROOT as its root, in mount and PID namespaces of its
# own, as PID 1 of them. Call it by `unshare --mount --pid --fork --kill-child`: nothing is ever mounted outside, and all
# of it is gone with the namespace. MODE is rw or ro; what is bound stays writable. PATH of a file must be there.
set -eu
mode=$1 root=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
[ "$mode" = rw ] || mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do
  mount --bind "${1%%:*}" "$root${1#*:}"
  shift
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cd "$root"
# Not chroot(2): whoever lives in one may make no user namespaces (user_namespaces(7)), and jobs want theirs.
pivot_root . .
umount -l .
exec "$@"
