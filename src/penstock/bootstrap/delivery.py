"""Puts the courier together."""

import random

from penstock.bootstrap.clock import now_ms
from penstock.domain.addresses import parse_allowed
from penstock.engine.courier import Courier, DeliveryPolicy
from penstock.engine.letters import LetterWriter
from penstock.engine.sender import HttpSender
from penstock.settings import Settings
from penstock.state.database import Database


def make_courier(database: Database, settings: Settings) -> Courier:
    """What delivers callbacks as the settings say."""
    return Courier(
        database,
        LetterWriter(database, region=settings.region),
        HttpSender(parse_allowed(settings.callback_allow)),
        DeliveryPolicy(
            first_pause_seconds=settings.callback_pause_seconds,
            longest_pause_seconds=settings.callback_longest_pause_seconds,
            expire_seconds=settings.callback_expire_seconds,
            keep_seconds=settings.callback_keep_seconds,
            connections=settings.callback_connections,
            secret=settings.callback_secret,
        ),
        now_ms=now_ms,
        jitter=random.random,
    )
