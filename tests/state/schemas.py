"""What a database's schema is, in a form that can be compared."""

import re

from sqlalchemy import Engine, text  # noqa: TID251  # looks behind the queries that are tested

Schema = dict[str, list[str]]

_SPACES = re.compile(r"\s+")
_POSTGRES_COLUMNS = """
    SELECT c.relname AS name, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation),
        pg_get_expr(d.adbin, d.adrelid)) AS part
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
"""
_POSTGRES_CONSTRAINTS = """
    SELECT c.relname AS name, o.conname || ' ' || pg_get_constraintdef(o.oid) AS part
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
    WHERE c.relnamespace = 'public'::regnamespace
"""
_POSTGRES_INDEXES = """
    SELECT tablename AS name, indexdef AS part FROM pg_indexes WHERE schemaname = 'public'
"""
_POSTGRES_PARENTS = """
    SELECT i.inhrelid::regclass::text AS name, 'INHERITS ' || i.inhparent::regclass::text AS part
    FROM pg_inherits i
"""


def schema_of(engine: Engine) -> Schema:
    """The parts of every table and index by its name; their order does not count."""
    parts = _postgres_parts if engine.dialect.name == "postgresql" else _sqlite_parts
    found: Schema = {}
    for name, part in parts(engine):
        found.setdefault(name, []).append(part)
    return {name: sorted(described) for name, described in found.items()}


def _postgres_parts(engine: Engine) -> list[tuple[str, str]]:
    queries = (_POSTGRES_COLUMNS, _POSTGRES_CONSTRAINTS, _POSTGRES_INDEXES, _POSTGRES_PARENTS)
    with engine.begin() as connection:
        return [
            (row.name, row.part) for query in queries for row in connection.execute(text(query))
        ]


def _sqlite_parts(engine: Engine) -> list[tuple[str, str]]:
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        ).all()
    return [(row.name, part) for row in rows for part in _split(_SPACES.sub(" ", row.sql).strip())]


def _split(statement: str) -> list[str]:
    """What stands between the commas of the outer parentheses, and what stands around these."""
    head, _, body = statement.partition("(")
    parts = [head.strip()]
    depth = 0
    current = ""
    for letter in body:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0 or (letter == "," and not depth):
            parts.append(current.strip())
            current = ""
            depth = 0
        else:
            current += letter
    return [*parts, current.strip()]
