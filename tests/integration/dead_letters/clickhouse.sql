CREATE TABLE dead_letters.readings (
    meter String,
    number UInt64,
    value Float64,
    quality Nullable(Enum8('UNSPECIFIED' = 0, 'MEASURED' = 1, 'ESTIMATED' = 2)),
    place Nullable(String),
    taken DateTime64(3, 'UTC'),
    CONSTRAINT short_place CHECK length(ifNull(place, '')) <= 20
) ENGINE = ReplacingMergeTree ORDER BY (meter, number) SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1
