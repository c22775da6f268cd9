create table readings (
    meter text not null,
    number bigint not null,
    value double precision not null,
    quality text,
    latitude double precision,
    longitude double precision,
    place text,
    samples double precision[] not null,
    tags text[] not null,
    signature bytea,
    taken timestamptz not null,
    battery_percent integer,
    final boolean,
    recorded_at timestamptz not null default now(),
    primary key (meter, number)
);
