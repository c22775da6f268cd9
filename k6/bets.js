// Players who bet, over HTTP. What they do is in lib/player.js, what must hold in lib/limits.js.
//
//   k6 run k6/bets.js                                    steady: 1000 bets/s for 30 s
//   SCENARIO=players VUS=300 DURATION=60 k6 run …        people who think between their bets, coming and going
//   SCENARIO=spike RATE=2000 DURATION=60 k6 run …        a goal is scored: four times the load within a second
//
// Environment: BASE_URL, SCENARIO, RATE (bets/s), VUS, DURATION (s), STRICT=1, SUMMARY (file for the results as JSON).
import exec from 'k6/execution';
import { sleep } from 'k6';
import http from 'k6/http';
import { thresholds } from './lib/limits.js';
import { Player } from './lib/player.js';
import { pick } from './lib/scenarios.js';
import { report } from './lib/summary.js';

export const options = {
  scenarios: pick(__ENV),
  thresholds: thresholds(__ENV.STRICT === '1'),
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max', 'avg', 'count'],
  // Without url, ip, proto and the like: they cost time and memory for each request and say nothing here.
  systemTags: ['scenario', 'name', 'status', 'check', 'error_code', 'expected_response'],
  noCookiesReset: true,
  userAgent: 'weir-k6',
};

// 402 and 422 are answers, not failures; a 5xx or no answer is one.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }, 402, 422));

// Tells this run's players from those of earlier runs on the same ledger.
export function setup() {
  return { run: Date.now().toString(36) };
}

let player; // of this virtual user; leaves after a while, then somebody else sits down

function current(data) {
  if (!player || player.leaves()) player = Player.join(`${data.run}-${exec.vu.idInTest}`);
  return player;
}

// One bet, as fast as the arrival rate asks for.
export function bet(data) {
  const who = current(data);
  if (who) who.play();
}

// One bet, then a moment of thought: mostly short, sometimes long.
export function thoughtfulBet(data) {
  bet(data);
  sleep(Math.min(10, 0.3 - Math.log(1 - Math.random())));
}

export function handleSummary(data) {
  return report(data, __ENV);
}
