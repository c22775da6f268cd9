// One player: opens an account, deposits, bets, sometimes too much, sometimes twice, and knows at every moment what the
// balance must be. Each answer is checked against that.
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { deposit, openAccount, placeBet } from './api.js';

const accepted = new Counter('bets_accepted');
const refused = new Counter('bets_refused');
const replayed = new Counter('bets_replayed'); // the same bet again, answered as the first time
const unanswered = new Counter('bets_unanswered'); // five tries without an answer; may stand in the ledger

const currency = 'EUR';
const tooLarge = 0.02; // share of bets with a stake above the balance: 402
const repeated = 0.02; // share of accepted bets sent once more: 200 with the same body
const altered = 0.002; // share sent once more with another stake under the same bet_id: 422
const betsPerPlayer = 40;

const stakes = [100, 100, 200, 200, 200, 500, 500, 500, 1000, 1000, 2000, 2500, 5000]; // minor units
const matches = ['AJA-PSV', 'FEY-AZ', 'ARS-CHE', 'LIV-MUN', 'RMA-BAR', 'BAY-BVB', 'INT-MIL', 'JUV-NAP', 'PSG-OM', 'BEN-POR'];
const picks = ['home', 'draw', 'away', 'over-2.5', 'under-2.5', 'both-score'];
const any = (list) => list[Math.floor(Math.random() * list.length)];

const seated = {}; // how many players this virtual user has been

export class Player {
  // A new player with money, or undefined when the door stays shut.
  static join(seat) {
    seated[seat] = (seated[seat] || 0) + 1;
    const player = new Player(`${seat}-${seated[seat]}`);
    const res = openAccount(player.account, currency);
    const ok = check(res, { 'account opened': (r) => r.status === 201 || r.status === 200 });
    return ok && player.pay(20000 + 1000 * Math.floor(Math.random() * 80)) ? player : undefined;
  }

  constructor(account) {
    this.account = account;
    this.balance = 0;
    this.bets = 0;
    this.deposits = 0;
  }

  leaves() {
    return this.bets >= betsPerPlayer || this.lost;
  }

  pay(amount) {
    this.deposits += 1;
    const res = deposit(this.account, `deposit-${this.deposits}`, amount, currency);
    this.balance += amount;
    return check(res, {
      'deposit taken': (r) => r.status === 201 || r.status === 200,
      'deposit in the balance': (r) => balanceOf(r) === this.balance,
    });
  }

  // One bet and what may follow from it.
  play() {
    this.bets += 1;
    if (this.balance < 5000 && !this.pay(20000)) return this.leave();
    const bet = {
      bet_id: `${this.account}-${this.bets}`,
      account_id: this.account,
      stake_minor: Math.random() < tooLarge ? this.balance + any(stakes) : any(stakes),
      currency,
      selection: `${any(matches)}:${any(picks)}`,
      odds_milli: 1050 + Math.floor(Math.random() * 8000),
    };
    const body = JSON.stringify(bet);
    const { res, again } = placeBet(body);
    if (bet.stake_minor > this.balance) return this.refusal(res);
    if (!this.acceptance(res, again, bet)) return undefined;
    const luck = Math.random();
    if (luck < repeated) this.repeat(body, res.body);
    else if (luck < repeated + altered) this.alter(bet);
    return undefined;
  }

  acceptance(res, again, bet) {
    if (res.status === 503 || res.status === 0) return this.leave();
    const answer = res.status === 201 || res.status === 200 ? res.json() : {};
    this.balance -= bet.stake_minor;
    const ok = check(res, {
      'accepted: 201': (r) => r.status === 201 || (again && r.status === 200),
      'accepted: this bet': () => answer.bet_id === bet.bet_id && Number(answer.stake_minor) === bet.stake_minor,
      'accepted: balance is right': () => Number(answer.balance_after_minor) === this.balance,
    });
    if (res.status === 201 || res.status === 200) accepted.add(1);
    if (!ok) this.leave();
    return ok;
  }

  refusal(res) {
    if (res.status === 503 || res.status === 0) return this.leave();
    if (check(res, { 'too large: 402': (r) => r.status === 402 })) refused.add(1);
    else this.leave();
    return undefined;
  }

  repeat(body, first) {
    const { res } = placeBet(body);
    if (res.status === 503 || res.status === 0) return;
    if (check(res, { 'repeated: 200': (r) => r.status === 200, 'repeated: same body': (r) => r.body === first })) replayed.add(1);
  }

  alter(bet) {
    const { res } = placeBet(JSON.stringify({ ...bet, stake_minor: bet.stake_minor + 1 }));
    if (res.status !== 503 && res.status !== 0) check(res, { 'altered: 422': (r) => r.status === 422 });
  }

  // What this player's balance is can no longer be known: somebody else plays on.
  leave() {
    if (!this.lost) unanswered.add(1);
    this.lost = true;
    return false;
  }
}

function balanceOf(res) {
  if (res.status !== 201 && res.status !== 200) return undefined;
  const body = res.json();
  return Number((body.account || body).balance_minor);
}
