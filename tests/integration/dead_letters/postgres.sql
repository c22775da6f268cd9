create type quality as enum ('UNSPECIFIED', 'MEASURED', 'ESTIMATED');
create table readings (
    meter text not null,
    number bigint not null,
    value double precision not null,
    quality quality,
    place varchar(20),
    taken timestamptz not null,
    primary key (meter, number)
);
