"""`/template`: create, update, list and delete templates (`wire.md` 8.7)."""

from penstock.api.arguments import read_page_number, read_size, read_words
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.resources import CUSTOM, OFFICIAL
from penstock.service.templates import TemplateQuery, TemplateService
from penstock.wire.templates import decode_template, encode_template

_PATH = "/template"
_ALL = "All"


class TemplateCalls:
    """Handlers of the template calls."""

    def __init__(self, templates: TemplateService) -> None:
        self._templates = templates

    def routes(self) -> list[Route]:
        """The calls and their actions."""
        return [
            Route(
                method="POST",
                pattern=_PATH,
                action="ci:CreateMediaTemplate",
                handler=self.create,
            ),
            Route(
                method="GET",
                pattern=_PATH,
                action="ci:DescribeMediaTemplates",
                handler=self.list,
            ),
            Route(
                method="PUT",
                pattern=f"{_PATH}/{{id}}",
                action="ci:UpdateMediaTemplate",
                handler=self.update,
            ),
            Route(
                method="DELETE",
                pattern=f"{_PATH}/{{id}}",
                action="ci:DeleteMediaTemplate",
                handler=self.delete,
            ),
        ]

    def create(self, call: Call) -> Response:
        """Create a template."""
        body = decode_template(call.tree())
        template = self._templates.create(call.bucket, body.name, body.tag, body.body)
        return ok(call, {"Template": encode_template(template)})

    def update(self, call: Call) -> Response:
        """Replace the name and the params of a template."""
        body = decode_template(call.tree())
        template = self._templates.update(
            call.bucket, call.values["id"], body.name, body.tag, body.body
        )
        return ok(call, {"Template": encode_template(template)})

    def list(self, call: Call) -> Response:
        """List templates, newest first; those of the bucket unless told."""
        tag = call.argument("tag")
        query = TemplateQuery(
            bucket=call.bucket,
            category=_read_category(call),
            tag="" if tag == _ALL else tag,
            ids=tuple(read_words(call, "ids")),
            name=call.argument("name"),
            page_number=read_page_number(call),
            page_size=read_size(call, "pageSize"),
        )
        total, page = self._templates.page(query)
        return ok(
            call,
            {
                "TotalCount": total,
                "PageNumber": query.page_number,
                "PageSize": query.page_size,
                "TemplateList": [encode_template(template) for template in page],
            },
        )

    def delete(self, call: Call) -> Response:
        """Delete a template."""
        self._templates.delete(call.bucket, call.values["id"])
        return ok(call, {"TemplateId": call.values["id"]})


def _read_category(call: Call) -> str:
    """The category to show; empty for both."""
    category = call.argument("category") or CUSTOM
    if category not in {CUSTOM, OFFICIAL, _ALL}:
        fault = f"category must be one of {CUSTOM}, {OFFICIAL}, {_ALL}, not {category!r}"
        raise InvalidArgumentError(fault)
    return "" if category == _ALL else category
