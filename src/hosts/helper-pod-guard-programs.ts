/** What a guard in a helper pod runs: fixed programs for a `sh` and the programs of FILE_COMMANDS, of busybox or coreutils alike. */
import { GUARD_FOLDER as AT, LIFETIME } from './helper-pod-object.ts'

/**
 * The pod's program; `sh` of busybox or any other. One guard is a folder ID.armed; whoever renames it has the say, so that nothing is both
 * kept and put back. The time is that of /proc/uptime, which nobody sets. What is not as we wrote it is somebody else's, and stays.
 */
const WATCH = `
put_back() {
  mv "$1.armed" "$1.fired" 2>/dev/null || return 0
  for copy in "$1.fired"/*.copy; do
    one=\${copy%.copy}
    IFS= read -r path < "$one.path"; read -r before < "$one.before"; read -r after < "$one.after"
    now=-
    [ -e "$path" ] && { now=$(sha256sum < "$path"); now=\${now%% *}; }
    [ "$now" = "$after" ] || continue
    beside=\${path%/*}/.k8s-harden-$(printf %.12s "$before")
    cp -p "$copy" "$beside" && sync "$beside" && mv -f "$beside" "$path"
    sync "\${path%/*}"
  done
  : > "$1.fired/done"
}
trap 'ended=yes' TERM INT
ended=
read -r up rest < /proc/uptime
end=$((\${up%.*} + ${LIFETIME}))
while read -r up rest < /proc/uptime; do
  [ "\${up%.*}" -lt "$end" ] || ended=yes
  for armed in ${AT}/*.armed; do
    [ -e "$armed" ] || continue
    read -r until < "$armed/until"
    if [ -n "$ended" ] || [ -e "$armed/now" ] || [ "\${up%.*}" -ge "$until" ]; then put_back "\${armed%.armed}"; fi
  done
  [ -z "$ended" ] || exit 0
  sleep 1
done
`
export const WATCHING: readonly string[] = ['sh', '-c', WATCH]

/** ID, seconds, then three words for each file: path, what is there, what will be. Exit code 3: something else is there. */
export const ARM = `
at=${AT}/$1
mkdir "$at.new" || exit 1
seconds=$2
shift 2
n=0
while [ $# -gt 0 ]; do
  one=$at.new/$n
  cp -p "$1" "$one.copy" || exit 1
  now=$(sha256sum < "$one.copy")
  [ "\${now%% *}" = "$2" ] || exit 3
  printf '%s\\n' "$1" > "$one.path"; printf '%s\\n' "$2" > "$one.before"; printf '%s\\n' "$3" > "$one.after"
  n=$((n + 1))
  shift 3
done
read -r up rest < /proc/uptime
echo $((\${up%.*} + seconds)) > "$at.new/until" && mv "$at.new" "$at.armed"
`
/** ID, then a program that runs only while the guard is armed: a write that comes too late would have nobody to take it back. */
export const WHILE_ARMED = `[ -e ${AT}/$1.armed ] || { echo 'mv: its guard has ended' >&2; exit 1; }; shift; exec "$@"`
/** Prints what became of it. */
export const KEEP = `mv ${AT}/$1.armed ${AT}/$1.kept 2>/dev/null; if [ -e ${AT}/$1.kept ]; then echo kept; elif [ -e ${AT}/$1.fired/done ]; then echo back; fi`
export const PUT_BACK = `[ -e ${AT}/$1.armed ] && : > ${AT}/$1.armed/now; n=0
while [ $n -lt 15 ] && [ ! -e ${AT}/$1.fired/done ] && [ ! -e ${AT}/$1.kept ]; do sleep 1; n=$((n + 1)); done
if [ -e ${AT}/$1.kept ]; then echo kept; elif [ -e ${AT}/$1.fired/done ]; then echo back; fi`
