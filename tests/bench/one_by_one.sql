-- One bet, one transaction: what a program does that writes each bet as it comes (pgbench script).
\set account random(0, :accounts - 1)
\set shard :account % 64
\set bet random(1, 1000000000000)
begin;
select last_seq from reference.shards where shard = :shard for update;
select request_hash from reference.entries where account_id = 'player-' || :account and kind = 'debit' and key = :bet::text;
update reference.accounts set balance_minor = balance_minor - 250 where account_id = 'player-' || :account returning balance_minor \gset
update reference.shards set last_seq = last_seq + 1 where shard = :shard returning last_seq \gset
insert into reference.entries (account_id, kind, key, request_hash, outcome, amount_minor, currency, balance_after_minor, accepted_at, epoch, shard, seq, event)
  values ('player-' || :account, 'debit', :bet::text, decode(md5(:bet::text), 'hex'), 'accepted', 250, 'EUR', :balance_minor, now(), 1, :shard, :last_seq,
    decode(repeat(md5(:bet::text), 3), 'hex')) on conflict do nothing;
commit;
