-- Bets and stakes by minute. A materialized view that is fed by INSERTs would count a bet twice when a worker died between
-- ClickHouse's commit and its offset's: it sees blocks, not what replaces what. This one is computed anew, over the view
-- that shows each bet once, and replaced as a whole: right whatever was repeated, one minute behind at most. It reads
-- three columns of all bets; another period: ALTER TABLE ... MODIFY REFRESH EVERY. At once: SYSTEM REFRESH VIEW.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.bets_by_minute
REFRESH EVERY 1 MINUTE (
    minute DateTime('UTC'),
    currency String,
    bets UInt64,
    stake_minor Int64
) ENGINE = MergeTree
ORDER BY (minute, currency)
AS SELECT toStartOfMinute(b.accepted_at) AS minute, b.currency AS currency, count() AS bets, sum(b.stake_minor) AS stake_minor
FROM {database}.bets AS b GROUP BY minute, currency;
