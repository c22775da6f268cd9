CREATE TABLE meters.readings (
    meter LowCardinality(String),
    number UInt64,
    value Float64,
    quality Nullable(Enum8('UNSPECIFIED' = 0, 'MEASURED' = 1, 'ESTIMATED' = 2)),
    latitude Nullable(Float64),
    longitude Nullable(Float64),
    place Nullable(String),
    samples Array(Float64),
    tags Array(String),
    signature Nullable(String),
    taken DateTime64(3, 'UTC'),
    battery_percent Nullable(Int32),
    final Nullable(Bool)
) ENGINE = ReplacingMergeTree ORDER BY (meter, number) SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1
