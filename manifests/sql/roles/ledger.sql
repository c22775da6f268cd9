-- Who may do what in the ledger: group roles, to be granted to login roles. Run again at every apply.
-- The wallet may neither delete nor rewrite an entry; the relay may only move `published` on; maintenance may only drop
-- the bytes of events (weir-ledger trim). A new epoch is for the owner.
do $$
declare name text;
begin
    foreach name in array array['weir_wallet', 'weir_relay', 'weir_audit', 'weir_maintenance'] loop
        begin
            execute format('create role %I nologin', name);
        exception when duplicate_object or unique_violation then null; -- roles are shared by all databases
        end;
    end loop;
end
$$;
grant usage on schema ledger to weir_wallet, weir_relay, weir_audit, weir_maintenance;
grant select on ledger.meta, ledger.shards, ledger.accounts, ledger.entries, ledger.schema_version
    to weir_wallet, weir_relay, weir_audit, weir_maintenance;
grant update (last_seq, published) on ledger.shards to weir_wallet;
grant insert on ledger.entries to weir_wallet;
grant insert, update (balance_minor) on ledger.accounts to weir_wallet;
grant update (published) on ledger.shards to weir_relay;
grant select on ledger.trimmed to weir_audit, weir_maintenance;
grant update (seq) on ledger.trimmed to weir_maintenance;
grant update (event) on ledger.entries to weir_maintenance;
grant execute on function ledger.trim(integer, interval, integer) to weir_maintenance;
