# A real cluster under test: kubectl in the namespace weir, waiting, load by the k6 Job and by players.py, the audit Job.
# Sourced after lib.sh. KUBECONFIG names the cluster; what is in its namespace weir is deleted.
SECONDS_READY=${SECONDS_READY:-300}
kn() { kubectl -n weir "$@"; }
HOSTS="ingress wallet relay recorder analytics"

# until_true SECONDS WHAT COMMAND...
until_true() {
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { bad "$what: not in time"; return 1; }
    sleep 0.5
  done
}

# apply FOLDER: also when a Job of the last apply is still there, whose fields cannot be changed.
apply() {
  kn delete job sql topics --ignore-not-found --wait >/dev/null 2>&1
  kubectl apply -k "$1" >"$WORK/apply.log" 2>&1 || { tail -5 "$WORK/apply.log"; return 1; }
}

# all_ready: every Deployment and StatefulSet is rolled out; else what is not, with its pods' reasons.
all_ready() {
  local end=$((SECONDS + SECONDS_READY)) what
  for what in $(kn get deploy,sts -o name); do
    kn rollout status "$what" --timeout="$((end > SECONDS ? end - SECONDS : 1))s" >"$WORK/rollout.log" 2>&1 && continue
    echo "$what: $(tail -1 "$WORK/rollout.log")"
    kn get pods --no-headers | grep -v ' Running '
    return 1
  done
}

# ingress_url: where this machine reaches the ingress. The Service's address, else a node's port.
ingress_url() {
  local ip port node
  if [ -n "${CLUSTER_URL:-}" ]; then echo "$CLUSTER_URL"; return; fi
  ip=$(kn get svc ingress -o jsonpath='{.spec.clusterIP}')
  if curl -s -m 3 -o /dev/null "http://$ip:8080/"; then echo "http://$ip:8080"; return; fi
  port=$(kn get svc ingress -o jsonpath='{.spec.ports[0].nodePort}')
  for node in $(kubectl get nodes -o jsonpath='{.items[*].status.addresses[?(@.type=="InternalIP")].address}') localhost; do
    if curl -s -m 3 -o /dev/null "http://$node:$port/"; then echo "http://$node:$port"; return; fi
  done
  return 1
}

# job_from CRONJOB NAME [NAME=VALUE...]: a Job of it with these settings.
job_from() {
  local cron=$1 name=$2; shift 2
  kn delete job "$name" --ignore-not-found --wait >/dev/null 2>&1
  kn create job "$name" --from="cronjob/$cron" --dry-run=client -o yaml >"$WORK/$name.yaml" &&
    { [ $# = 0 ] || { kubectl set env --local -f "$WORK/$name.yaml" -o yaml "$@" >"$WORK/$name.new" && mv "$WORK/$name.new" "$WORK/$name.yaml"; }; } &&
    kn apply -f "$WORK/$name.yaml" >/dev/null
}
# job_end NAME SECONDS: waits; its log is in $WORK/NAME.log; fails unless it completed.
job_end() {
  local end=$((SECONDS + $2)) state=
  until state=$(kn get job "$1" -o jsonpath='{.status.conditions[?(@.status=="True")].type}') && [[ $state == *Complete* || $state == *Failed* ]]; do
    [ $SECONDS -lt $end ] || { echo "$1 has not ended in $2 s"; break; }
    sleep 1
  done
  kn logs "job/$1" --tail=-1 >"$WORK/$1.log" 2>&1
  [[ $state == *Complete* ]]
}

# k6_clean NAME: ended well, nobody was told 503 or nothing at all, and bets were placed.
k6_clean() {
  job_end "$1" "$2" || { tail -15 "$WORK/$1.log"; return 1; }
  ! grep -E 'not now|MISSED +(failed|checks)|FAILED' "$WORK/$1.log" || return 1
  grep -q 'bets accepted' "$WORK/$1.log" || { tail -5 "$WORK/$1.log"; return 1; }
}

# under_k6 WHAT SECONDS ACTION...: 100 bets/s for so long, ACTION meanwhile; neither may fail, no request may be refused.
# 200 players: when a server that moves holds every answer up for a second, each bet is still placed in its time.
under_k6() {
  local what=$1 seconds=$2 out name=k6-load; shift 2
  job_from k6 $name RATE=100 "DURATION=$seconds" VUS=200 || { bad "$what: k6 does not start"; return; }
  until_true 60 "$what: k6 starts" kn wait --for=jsonpath='{.status.ready}'=1 job/$name --timeout=1s || return
  sleep 5 # the load is there
  local began=$SECONDS
  if ! out=$("$@" 2>&1); then bad "$what: $out"; job_end $name $((seconds + 60)); return; fi
  local took=$((SECONDS - began))
  [ "$(kn get job $name -o jsonpath='{.status.active}')" = 1 ] || { bad "$what: took $took s, longer than the load: too little said"; return; }
  if out=$(k6_clean $name $((seconds + 90))); then ok "$what: $took s, $(sed -n 's/^ *steady, //p' "$WORK/$name.log")"; else bad "$what: $out"; fi
}

# Players outside the cluster, who repeat what gets no answer and compare every answer: for what may cost a 503.
players_start() {
  rm -f "$WORK/until"
  python3 tests/integration/players.py run --url "$(ingress_url)" --rate "${1:-100}" --until "$WORK/until" --out "$WORK/told.json" --run "c$(date +%s)" --seed 1 >"$WORK/players.log" 2>&1 &
  PLAYERS=$!
  sleep 8
}
players_end() { # WHAT
  touch "$WORK/until"
  if wait $PLAYERS; then ok "$1: $(tail -1 "$WORK/players.log")"; else bad "$1: $(tail -5 "$WORK/players.log")"; fi
}

# bets_again SECONDS: until a bet is accepted; prints how long that took.
bets_again() {
  local began=$SECONDS account; account=again-$(date +%s%N)
  local url; url=$(ingress_url)
  local json='Content-Type: application/json'
  until curl -sf -m 3 -o /dev/null "$url/v1/accounts" -H "$json" -d "{\"account_id\":\"$account\",\"currency\":\"EUR\"}" &&
    curl -sf -m 3 -o /dev/null "$url/v1/accounts/$account/deposits" -H "$json" -H 'Idempotency-Key: d' -d '{"amount_minor":500,"currency":"EUR"}' &&
    curl -sf -m 3 -o /dev/null "$url/v1/bets" -H "$json" -d "{\"bet_id\":\"$account\",\"account_id\":\"$account\",\"stake_minor\":100,\"currency\":\"EUR\",\"selection\":\"a\",\"odds_milli\":2000}"; do
    [ $((SECONDS - began)) -lt "$1" ] || return 1
    sleep 0.2
  done
  echo $((SECONDS - began))
}

# audit_exact NAME: the audit Job says that everything is where it must be.
audit_exact() {
  job_from audit "$1" || return
  job_end "$1" 180 || { tail -12 "$WORK/$1.log"; return 1; }
}
