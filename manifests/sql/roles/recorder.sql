-- Who may do what with recorded bets: the recorder adds rows and reads them back, nobody changes one.
do $$
declare name text;
begin
    foreach name in array array['weir_recorder', 'weir_audit'] loop
        begin
            execute format('create role %I nologin', name);
        exception when duplicate_object or unique_violation then null; -- roles are shared by all databases
        end;
    end loop;
    execute format('grant temporary on database %I to weir_recorder', current_database()); -- its staging table
end
$$;
grant usage on schema record to weir_recorder, weir_audit;
grant select, insert on record.bets to weir_recorder;
grant select on record.bets, record.schema_version to weir_recorder, weir_audit;
