// What must hold. Errors and checks always decide the exit code; latency only with STRICT=1, as on a busy machine it
// tells more of the machine than of weir. The report names each as met or missed either way.

export const limits = [
  { metric: 'bet_answer', stat: 'p(99)', below: 100, unit: 'ms', latency: true, what: 'answer to a bet' },
  { metric: 'wallet_call', stat: 'p(99)', below: 5, unit: 'ms', latency: true, what: 'wallet call within it (Server-Timing)' },
  { metric: 'http_req_failed', stat: 'rate', below: 0.001, unit: '', latency: false, what: 'failed requests' },
  { metric: 'checks', stat: 'rate', atLeast: 1, unit: '', latency: false, what: 'checks that hold' },
];

const expression = (l) => (l.below !== undefined ? `${l.stat}<${l.below}` : `${l.stat}>=${l.atLeast}`);

// k6's own option: only what may fail the run.
export function thresholds(strict) {
  const out = {};
  for (const l of limits) if (strict || !l.latency) out[l.metric] = [expression(l)];
  return out;
}

// Every limit with the value found. A metric that never came is missed, not met.
export function judge(metrics) {
  return limits.map((l) => {
    const value = metrics[l.metric] ? metrics[l.metric].values[l.stat] : undefined;
    const met = value !== undefined && (l.below !== undefined ? value < l.below : value >= l.atLeast);
    return { ...l, value, met, limit: expression(l) };
  });
}
