-- Accepted bets for analysis. A repeated block is dropped by its token (the window is 0 by default, which ignores
-- tokens), a repeated row by the sorting key: read the view, which applies both.
-- No PARTITION BY: FINAL must see all copies of a row in one partition.
-- Small granules: the question whether a block's keys are there (`conflicts = "reject"`) reads, of each part, those where one
-- shard ends and the next begins.
CREATE TABLE IF NOT EXISTS {database}.bets_raw (
    epoch Int64,
    shard Int32,
    seq Int64,
    bet_id String,
    account_id String,
    stake_minor Int64,
    currency String,
    selection String,
    odds_milli Int32,
    balance_after_minor Int64,
    accepted_at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (epoch, shard, seq)
SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 1024;

CREATE OR REPLACE VIEW {database}.bets AS
SELECT * FROM {database}.bets_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0;
