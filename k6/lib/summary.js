// The results: a page for people on stdout, and as JSON in the file SUMMARY for the demo's report.
import { judge } from './limits.js';

const value = (metrics, name, stat) => (metrics[name] ? metrics[name].values[stat] : undefined);
const count = (metrics, name) => value(metrics, name, 'count') || 0;
const trend = (metrics, name) => ({ p50: value(metrics, name, 'med'), p95: value(metrics, name, 'p(95)'), p99: value(metrics, name, 'p(99)'), max: value(metrics, name, 'max') });

export function results(data, env) {
  const m = data.metrics;
  const seconds = data.state.testRunDurationMs / 1000;
  return {
    scenario: env.SCENARIO || 'steady',
    seconds,
    accepted: count(m, 'bets_accepted'),
    refused: count(m, 'bets_refused'),
    replayed: count(m, 'bets_replayed'),
    not_now: count(m, 'bets_not_now'),
    unanswered: count(m, 'bets_unanswered'),
    dropped: count(m, 'dropped_iterations'), // bets that k6 had nobody free to place
    requests: count(m, 'http_reqs'),
    bets_per_s: count(m, 'bets_accepted') / seconds,
    bet_answer_ms: trend(m, 'bet_answer'),
    wallet_call_ms: trend(m, 'wallet_call'),
    failed_checks: failedChecks(data.root_group),
    limits: judge(m),
  };
}

function failedChecks(group) {
  const own = group.checks.filter((c) => c.fails > 0).map((c) => ({ name: c.name, fails: c.fails, passes: c.passes }));
  return own.concat(...group.groups.map(failedChecks));
}

const number = (x, digits = 0) => (x === undefined ? '–' : x.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ','));
const times = (t) => `p50 ${number(t.p50, 1)}  p95 ${number(t.p95, 1)}  p99 ${number(t.p99, 1)}  max ${number(t.max, 1)} ms`;

export function page(r) {
  const lines = [
    `${r.scenario}, ${number(r.seconds, 1)} s: ${number(r.accepted)} bets accepted (${number(r.bets_per_s)}/s), ${number(r.refused)} refused, ${number(r.replayed)} repeated and answered the same`,
    `answer       ${times(r.bet_answer_ms)}`,
    `wallet call  ${times(r.wallet_call_ms)}`,
  ];
  if (r.not_now + r.unanswered + r.dropped > 0) {
    lines.push(`not now ${r.not_now}, without an answer ${r.unanswered}, not placed for want of a free player ${r.dropped}`);
  }
  for (const l of r.limits) lines.push(`${l.met ? 'met   ' : 'MISSED'}  ${l.what}: ${l.limit} ${l.unit} (${l.value === undefined ? 'no value' : number(l.value, l.unit ? 2 : 5)})`);
  for (const c of r.failed_checks) lines.push(`FAILED  check "${c.name}": ${c.fails} of ${c.fails + c.passes}`);
  return lines.map((l) => `  ${l}\n`).join('');
}

export function report(data, env) {
  const r = results(data, env);
  const out = { stdout: `\n${page(r)}\n` };
  if (env.SUMMARY) out[env.SUMMARY] = JSON.stringify(r, null, 2);
  return out;
}
