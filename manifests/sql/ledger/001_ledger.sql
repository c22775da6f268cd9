-- The ledger: every change of a balance is a row with an idempotency key and an outcome that never changes.
-- psql variable `shards`: how many there are, for ever (accounts belong to one by hash). manifests/sql/apply sets it.

-- One row. The epoch tells this ledger from any earlier state of it: (epoch, shard, seq) names an event for ever, so
-- after a restore or a failover that lost commits call ledger.renew_epoch() before the first wallet connects.
create table ledger.meta (
    one boolean primary key default true check (one),
    epoch bigint not null check (epoch > 0),
    shards integer not null check (shards between 1 and 65536),
    created_at timestamptz not null default now()
);

-- A random positive 63-bit number; gen_random_uuid() is the one strong random source without an extension.
create function ledger.random_epoch() returns bigint language sql volatile as $$
    select greatest(1, ('x' || substr(md5(gen_random_uuid()::text || gen_random_uuid()::text), 1, 16))::bit(64)::bigint
                       & 9223372036854775807)
$$;

insert into ledger.meta (epoch, shards) values (ledger.random_epoch(), :shards);

-- Taking a shard's row is the lock for everything of its accounts. seq is gap-free, its order the order of commits.
-- published: every event up to it is durable in the topic.
create table ledger.shards (
    shard integer primary key,
    last_seq bigint not null default 0,
    published bigint not null default 0,
    check (published between 0 and last_seq)
) with (fillfactor = 10); -- updated thousands of times a second: room for new versions on the same page

insert into ledger.shards (shard) select generate_series(0, :shards - 1);

create table ledger.accounts (
    account_id text collate "C" primary key check (octet_length(account_id) between 1 and 64),
    currency text collate "C" not null check (currency ~ '^[A-Z]{3}$'),
    balance_minor bigint not null check (balance_minor >= 0),
    opened_at timestamptz not null
) with (fillfactor = 70);

-- kind: open (key is ''), credit, debit. outcome: accepted, insufficient-funds, unknown-account, currency-mismatch; the
-- same request again gets it again. No foreign key to accounts: a refusal of an unknown account is a row as well.
-- Only accepted debits have epoch, shard, seq and event (the bytes of bets.v1.BetPlaced that everybody forwards).
-- balance_after_minor of a refusal: the balance that was there.
create table ledger.entries (
    account_id text collate "C" not null,
    kind text collate "C" not null check (kind in ('open', 'credit', 'debit')),
    key text collate "C" not null check (octet_length(key) <= 64),
    request_hash bytea not null check (octet_length(request_hash) = 16),
    outcome text collate "C" not null,
    amount_minor bigint not null check (amount_minor >= 0),
    currency text collate "C" not null,
    balance_after_minor bigint not null,
    accepted_at timestamptz not null,
    epoch bigint,
    shard integer,
    seq bigint check (seq > 0),
    event bytea,
    primary key (account_id, kind, key),
    check ((kind = 'debit' and outcome = 'accepted') = (seq is not null)),
    check ((seq is null) = (shard is null) and (seq is null) = (epoch is null)),
    check (event is null or seq is not null)
);
create unique index entries_shard_seq on ledger.entries (shard, seq) where seq is not null;

-- What a restore must be followed by. Takes every shard's row, so that no transaction runs across the change.
create function ledger.renew_epoch() returns bigint language plpgsql volatile as $$
declare renewed bigint := ledger.random_epoch();
begin
    perform 1 from ledger.shards order by shard for update;
    update ledger.meta set epoch = renewed;
    return renewed;
end
$$;
revoke all on function ledger.renew_epoch() from public;
