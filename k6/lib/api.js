// The three requests of the API, each sent again while the answer is "not now" or none came: the keys make that safe.
import { sleep } from 'k6';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

const base = __ENV.BASE_URL || 'http://127.0.0.1:8080';
const tries = 5;

const betAnswer = new Trend('bet_answer', true);
const walletCall = new Trend('wallet_call', true);
const notNow = new Counter('bets_not_now'); // 503 or no answer, each sent again

const params = {};
for (const name of ['open-account', 'deposit', 'place-bet']) {
  params[name] = (headers) => ({ headers: { 'Content-Type': 'application/json', ...headers }, tags: { name }, timeout: '10s' });
}
const betParams = params['place-bet']();

function send(url, body, how) {
  let res;
  for (let n = 1; ; n++) {
    res = http.post(url, body, how);
    if ((res.status !== 503 && res.status !== 0) || n === tries) return { res, again: n > 1 };
    notNow.add(1);
    sleep(Math.min(2, Number(res.headers['Retry-After']) || 0.05 * 2 ** n) * (0.5 + Math.random() / 2));
  }
}

export function openAccount(account, currency) {
  return send(`${base}/v1/accounts`, JSON.stringify({ account_id: account, currency }), params['open-account']()).res;
}

export function deposit(account, key, amount, currency) {
  const body = JSON.stringify({ amount_minor: amount, currency });
  return send(`${base}/v1/accounts/${account}/deposits`, body, params.deposit({ 'Idempotency-Key': key })).res;
}

// again: the answer is to a repetition, so an accepted bet may read 200 instead of 201.
export function placeBet(body) {
  const sent = send(`${base}/v1/bets`, body, betParams);
  betAnswer.add(sent.res.timings.duration);
  const timing = /wallet;dur=([0-9.]+)/.exec(sent.res.headers['Server-Timing'] || '');
  if (timing) walletCall.add(Number(timing[1]));
  return sent;
}
