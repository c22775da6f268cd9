-- Every accepted bet exactly once, by the identity that the ledger gave it.
create table record.bets (
    epoch bigint not null,
    shard integer not null,
    seq bigint not null,
    bet_id text collate "C" not null,
    account_id text collate "C" not null,
    stake_minor bigint not null,
    currency text collate "C" not null,
    selection text not null,
    odds_milli integer not null,
    balance_after_minor bigint not null,
    accepted_at timestamptz not null,
    primary key (epoch, shard, seq)
);
