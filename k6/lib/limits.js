// What must hold; the report names each as met or missed. The exit code follows them all with STRICT=1. Without it latency
// does not count, and of failed requests (a 503 of a machine that is too busy is sent again and answered) `lenient` does:
// on a busy machine both tell more of the machine than of weir. Checks and unanswered bets always count.

export const limits = [
  { metric: 'bet_answer', stat: 'p(99)', below: 100, unit: 'ms', latency: true, what: 'answer to a bet' },
  { metric: 'wallet_call', stat: 'p(99)', below: 5, unit: 'ms', latency: true, what: 'wallet call within it (Server-Timing)' },
  { metric: 'http_req_failed', stat: 'rate', below: 0.001, unit: '', lenient: 'rate<0.05', what: 'failed requests' },
  { metric: 'bets_unanswered', stat: 'count', below: 1, unit: '', what: 'bets without an answer after five tries' },
  { metric: 'checks', stat: 'rate', atLeast: 1, unit: '', what: 'checks that hold' },
];

const expression = (l) => (l.below !== undefined ? `${l.stat}<${l.below}` : `${l.stat}>=${l.atLeast}`);

// k6's own option: only what may fail the run.
export function thresholds(strict) {
  const out = {};
  for (const l of limits) {
    if (strict) out[l.metric] = [expression(l)];
    else if (!l.latency) out[l.metric] = [l.lenient || expression(l)];
  }
  return out;
}

// Every limit with the value found. A metric that never came is missed, not met; but a count is 0 then.
export function judge(metrics) {
  return limits.map((l) => {
    const value = metrics[l.metric] ? metrics[l.metric].values[l.stat] : l.stat === 'count' ? 0 : undefined;
    const met = value !== undefined && (l.below !== undefined ? value < l.below : value >= l.atLeast);
    return { ...l, value, met, limit: expression(l) };
  });
}
