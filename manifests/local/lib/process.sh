# Processes that outlive the shell: started in a session of their own, known by process id and start time together, so
# that a reused id is never taken for ours. State: $RUN/NAME.pid, "PID STARTED LOG-OFFSET".

# started PID: when the kernel started it; fails when it is gone or a zombie, which still answers kill -0. A zombie whose
# other threads are still ending holds its ports and files: not gone yet.
started() {
  local stat fields threads
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  read -ra fields <<<"${stat##*) }"
  threads=(/proc/"$1"/task/*)
  case ${fields[0]} in Z | X) [ ${#threads[@]} -gt 1 ] || return 1 ;; esac
  echo "${fields[19]}"
}

pid_of() { local pid rest; read -r pid rest 2>/dev/null <"$RUN/$1.pid" && echo "$pid"; }

# alive NAME: true while the very process that start() started runs.
alive() {
  local pid born rest
  read -r pid born rest 2>/dev/null <"$RUN/$1.pid" && [ "$(started "$pid")" = "$born" ]
}

# start NAME COMMAND...: in the background, output appended to $LOGS/NAME.log.
start() {
  local name=$1 offset=0; shift
  [ ! -e "$LOGS/$name.log" ] || offset=$(stat -c %s "$LOGS/$name.log")
  setsid "$@" >>"$LOGS/$name.log" 2>&1 </dev/null 9>&- &
  local pid=$!
  disown
  echo "$pid $(started $pid || echo gone) $offset" >"$RUN/$name.pid"
}

# log_since_start NAME: what the process has said since start().
log_since_start() { local offset; offset=$(cut -d' ' -f3 "$RUN/$1.pid") && tail -c +$((offset + 1)) "$LOGS/$1.log"; }

children() { local s f; for s in /proc/[0-9]*/stat; do read -r f 2>/dev/null <"$s" || continue
  [[ ${f##*) } == ?" $1 "* ]] && echo "${f%% *}"; done; return 0; }

# stop NAME [SIGNAL [SECONDS]]: that process only, and wait for its end; KILL takes its children with it, and so does
# being late. Fails when it had to be killed without having been asked for.
stop() {
  local name=$1 signal=${2:-TERM} end=$((SECONDS + ${3:-40})) pid kids late=0
  if ! alive "$name"; then rm -f "$RUN/$name.pid"; return 0; fi
  pid=$(pid_of "$name")
  kids=$(children "$pid")
  kill "-$signal" "$pid" 2>/dev/null
  # shellcheck disable=SC2086
  [ "$signal" != KILL ] || [ -z "$kids" ] || kill -KILL $kids 2>/dev/null || true
  while alive "$name"; do
    if [ $SECONDS -ge $end ]; then late=1; kill -KILL "$pid" $(children "$pid") 2>/dev/null; fi
    sleep 0.05
  done
  for pid in $kids; do while started "$pid" >/dev/null && [ $SECONDS -lt $((end + 5)) ]; do sleep 0.05; done; done
  rm -f "$RUN/$name.pid"
  return $late
}

# wait_until NAME SECONDS COMMAND...: until COMMAND succeeds; fails with one line when NAME ended or time is over.
wait_until() {
  local name=$1 end=$((SECONDS + $2)); shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name"; then
      echo "weir: $name ended by itself, its last line: $(log_since_start "$name" 2>/dev/null | grep -v '^[[:space:]]*$' | tail -n 1) ($LOGS/$name.log)" >&2
      return 1
    elif [ $SECONDS -gt $end ]; then
      echo "weir: $name is not ready in time: $LOGS/$name.log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# memory_mb NAME: of the process and its children, shared pages counted once.
memory_mb() {
  local pid; pid=$(pid_of "$1") || return
  # shellcheck disable=SC2046
  cat $(printf '/proc/%s/smaps_rollup ' "$pid" $(children "$pid")) 2>/dev/null | awk '/^Pss:/ {kb += $2} END {printf "%d", kb / 1024}'
}

# port_taken PORT: true when something listens there; port_owner PORT: who, as far as this user may see.
port_inodes() {
  awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port {print $10}' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}
port_taken() { [ -n "$(port_inodes "$1")" ]; }
port_owner() {
  local inode link pid
  for inode in $(port_inodes "$1"); do
    link=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null)
    [ -n "$link" ] || continue
    pid=${link#/proc/}; pid=${pid%%/*}
    echo "$(cat "/proc/$pid/comm") (process $pid)"
    return
  done
  echo "another program"
}

# port_free NAME PORT VARIABLE: stops with one line when the port is taken.
port_free() {
  ! port_taken "$2" || die "$1: port $2 is taken by $(port_owner "$2"): stop that, or set $3 to another port"
}
