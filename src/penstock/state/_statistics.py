"""What SQLite is told about the sizes of tables, in place of what it would assume.

Where it knows nothing it takes a primary key for cheaper than any index, and reads through every
sealed chunk of a job to find one that is planned. It is told that jobs have many chunks of which
few are open. The figures are constants: plans must not depend on when somebody counted.
"""

_ROWS = (  # of an index in all, and then how many of them have each prefix alike
    ("chunks", "1000000 100000 1"),
    ("chunks_open", "1000 1000 500 1"),
    ("chunks_by_origin", "1000000 100000 2 1"),
)

SQLITE_STATISTICS = (
    "ANALYZE chunks",  # makes the table below
    "DELETE FROM sqlite_stat1 WHERE tbl = 'chunks'",
    *(
        f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('chunks', '{index}', '{rows}')"  # noqa: S608  # our own words
        for index, rows in _ROWS
    ),
    "ANALYZE sqlite_schema",  # has this connection read it
)
