// When bets come: the shapes of load, by name.

const steady = ({ rate, seconds, vus }) => ({
  steady: {
    executor: 'constant-arrival-rate', exec: 'bet',
    rate, timeUnit: '1s', duration: `${seconds}s`,
    preAllocatedVUs: vus, maxVUs: vus * 4,
  },
});

// A third of the time each: people come, stay, go. Each bets about once in 1.3 s.
const players = ({ seconds, vus }) => ({
  players: {
    executor: 'ramping-vus', exec: 'thoughtfulBet', startVUs: 0,
    stages: [vus, vus, 0].map((target) => ({ target, duration: `${Math.ceil(seconds / 3)}s` })),
    gracefulRampDown: '15s',
  },
});

// A goal is scored: a quarter of the rate, all of it one second later, and back.
const spike = ({ rate, seconds, vus }) => {
  const calm = Math.max(1, Math.floor(rate / 4));
  const part = Math.max(1, Math.floor((seconds - 2) / 3));
  return {
    spike: {
      executor: 'ramping-arrival-rate', exec: 'bet',
      startRate: calm, timeUnit: '1s', preAllocatedVUs: vus, maxVUs: vus * 4,
      stages: [
        { target: calm, duration: `${part}s` },
        { target: rate, duration: '1s' },
        { target: rate, duration: `${part}s` },
        { target: calm, duration: '1s' },
        { target: calm, duration: `${part}s` },
      ],
    },
  };
};

const known = { steady, players, spike };

export function pick(env) {
  const name = env.SCENARIO || 'steady';
  if (!known[name]) throw new Error(`SCENARIO=${name}: there are ${Object.keys(known).join(', ')}`);
  const number = (key, fallback) => {
    const value = Number(env[key] || fallback);
    if (!(value >= 1)) throw new Error(`${key}=${env[key]}: expected a number from 1`);
    return Math.floor(value);
  };
  return known[name]({ rate: number('RATE', 1000), seconds: number('DURATION', 30), vus: number('VUS', 100) });
}
