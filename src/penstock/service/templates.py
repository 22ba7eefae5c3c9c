"""Templates: create, update, delete, list; the built-in ones and those of each bucket."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.quotas import DEFAULT_QUOTAS, Quotas, is_reached
from penstock.domain.refusals import (
    LimitExceededError,
    OfficialTemplateError,
    TemplateNameTakenError,
    TemplateNotFoundError,
)
from penstock.domain.resources import CUSTOM, OFFICIAL, Template
from penstock.domain.trees import Tree
from penstock.operations.base import Family
from penstock.operations.registry import absence, find
from penstock.service.buckets import BucketService, check_open
from penstock.service.builtin_templates import find_official, official_templates
from penstock.state import resources
from penstock.state.database import Database, Transaction, lock_bucket

_MOST_NAME_CHARACTERS = 64
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\u3400-\u4dbf_\-*\u2014]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateQuery:
    """Which templates a list shows.

    Attributes:
        bucket: Templates of this bucket, and built-in ones.
        category: Custom or Official; empty for both, Official ones behind.
        tag: Only of this operation; empty for all.
        ids: Only these; empty for all.
        name: Only those whose name begins with it; empty for all.
        page_number: Which page, from 1.
        page_size: How many a page holds.
    """

    bucket: str
    category: str = CUSTOM
    tag: str = ""
    ids: tuple[str, ...] = ()
    name: str = ""
    page_number: int = 1
    page_size: int = 10


class TemplateService:
    """The templates of every bucket."""

    def __init__(
        self,
        database: Database,
        buckets: BucketService,
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[str], str],
        quotas: Quotas = DEFAULT_QUOTAS,
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._now_ms = now_ms
        self._new_id = new_id
        self._quotas = quotas

    def create(self, bucket: str, name: str, tag: str, body: Tree) -> Template:
        """Store a template.

        Raises:
            BucketNotBoundError: The bucket is not bound, or a service is not open on it.
            InvalidArgumentError: The name, the tag or the params are wrong; names every fault.
            TemplateNameTakenError: The bucket has another of that name.
            LimitExceededError: The bucket has as many as it may.
        """
        self._buckets.check_open(bucket)
        now_ms = self._now_ms()
        template = Template(
            id=self._new_id("t"),
            bucket=bucket,
            tag=tag,
            name=name,
            body=body,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        _check(template)
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            _check_family(transaction, template)
            count = resources.count_templates(transaction, bucket)
            if is_reached(count, self._quotas.templates):
                message = f"bucket {bucket!r} has {count} templates, the most it may have"
                raise LimitExceededError(code="CreatedTemplateNumLimit", message=message)
            if not resources.insert_template_if_name_free(transaction, template):
                raise TemplateNameTakenError(name)
        return template

    def update(self, bucket: str, template_id: str, name: str, tag: str, body: Tree) -> Template:
        """Replace the name and the params of a template; jobs keep the params they pinned.

        Args:
            tag: The template's own; what refers to the template relies on its operation.

        Raises:
            OfficialTemplateError: It is built in.
            TemplateNotFoundError: There is no such template.
            InvalidArgumentError: The name, the tag or the params are wrong; names every fault.
            TemplateNameTakenError: The bucket has another of that name.
        """
        self._buckets.check_open(bucket)
        with self._database.write() as transaction:
            lock_bucket(transaction, bucket)
            found = _find_custom(transaction, bucket, template_id)
            changed = replace(found, name=name, body=body, updated_ms=self._now_ms())
            _check(changed, tag)
            _check_family(transaction, changed)
            if not resources.replace_template_if_name_free(transaction, changed):
                raise TemplateNameTakenError(name)
        return changed

    def delete(self, bucket: str, template_id: str) -> None:
        """Remove a template; jobs that run keep the params they pinned.

        Raises:
            OfficialTemplateError: It is built in.
            TemplateNotFoundError: There is no such template.
        """
        self._buckets.check_open(bucket)
        with self._database.write() as transaction:
            _find_custom(transaction, bucket, template_id)
            resources.delete_template(transaction, bucket, template_id)

    def page(self, query: TemplateQuery) -> tuple[int, list[Template]]:
        """How many templates match, and one page of them, newest first."""
        self._buckets.check_open(query.bucket)
        known: list[Template] = []
        if query.category in {"", CUSTOM}:
            with self._database.read() as transaction:
                known += resources.list_templates(transaction, query.bucket)
        if query.category in {"", OFFICIAL}:
            known += official_templates()
        matching = [
            template
            for template in known
            if query.tag in {"", template.tag}
            and (not query.ids or template.id in query.ids)
            and template.name.startswith(query.name)
        ]
        first = (query.page_number - 1) * query.page_size
        return len(matching), matching[first : first + query.page_size]


def find_template(transaction: Transaction, bucket: str, template_id: str) -> Template | None:
    """A template by its id, the bucket's own or built in; None when there is none."""
    return resources.find_template(transaction, bucket, template_id) or find_official(template_id)


def _find_custom(transaction: Transaction, bucket: str, template_id: str) -> Template:
    """A template that may be changed."""
    if find_official(template_id) is not None:
        raise OfficialTemplateError(template_id)
    found = resources.find_template(transaction, bucket, template_id)
    if found is None:
        raise TemplateNotFoundError(template_id)
    return found


def _check(template: Template, tag: str | None = None) -> None:
    """Refuse a template whose name, tag or params are wrong; names every fault."""
    faults = _name_faults(template.name)
    if tag is not None and tag != template.tag:
        faults.append(f"Tag must be {template.tag!r}, as the template has it, not {tag!r}")
    operation = find(template.tag)
    if not template.tag:
        faults.append("Tag must be given")
    elif operation is None:
        faults.append(f"Tag: {absence(template.tag)}")
    elif operation.is_node_only:
        faults.append(f"Tag: {template.tag} has no templates")
    else:
        try:
            operation.parse({operation.block: template.body})
        except InvalidArgumentError as error:
            faults += error.faults
    if faults:
        raise InvalidArgumentError(*faults)


def _check_family(transaction: Transaction, template: Template) -> None:
    operation = find(template.tag)
    families = {Family.MEDIA} if operation is None else {operation.family}
    check_open(transaction, template.bucket, families)


def _name_faults(name: str) -> list[str]:
    if not name:
        return ["Name must be given"]
    faults = []
    if len(name) > _MOST_NAME_CHARACTERS:
        faults.append(
            f"Name must have at most {_MOST_NAME_CHARACTERS} characters, not {len(name)}"
        )
    if not _NAME.fullmatch(name):
        shown = name[:_MOST_NAME_CHARACTERS]
        faults.append(
            "Name may hold letters, digits, Chinese characters, '_', '-', '—' and '*', "
            f"not {shown!r}"
        )
    return faults
