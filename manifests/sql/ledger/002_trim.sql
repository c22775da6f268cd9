-- Retention: a ledger's rows stay for ever, the bytes of their events only until they are published and older than one
-- cares to keep. trimmed: of each shard, up to which seq they are gone. weir-ledger trim calls the function.
create table ledger.trimmed (
    shard integer primary key,
    seq bigint not null default 0 check (seq >= 0)
);
insert into ledger.trimmed (shard) select shard from ledger.shards;

-- One step of one shard: at most `most` rows; how many it passed, 0 when there is nothing to do. Takes no lock that a
-- wallet waits for. What is above `published` is never touched: only the ledger has it.
create function ledger.trim(of_shard integer, keep interval, most integer) returns bigint language plpgsql volatile as $$
declare
    first bigint;
    last bigint;
begin
    select seq into first from ledger.trimmed where shard = of_shard for update;
    if not found then raise exception 'the ledger has no shard %', of_shard; end if;
    with span as (
        select e.seq, e.accepted_at < statement_timestamp() - keep as old
        from ledger.entries e join ledger.shards s on s.shard = of_shard
        where e.shard = of_shard and e.seq > first and e.seq <= s.published order by e.seq limit most)
    select coalesce((select min(seq) - 1 from span where not old), max(seq), first) into last from span;
    if last <= first then return 0; end if;
    update ledger.entries set event = null where shard = of_shard and seq > first and seq <= last;
    update ledger.trimmed set seq = last where shard = of_shard;
    return last - first;
end
$$;
revoke all on function ledger.trim(integer, interval, integer) from public;
