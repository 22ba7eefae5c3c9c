"""`/template`: create, list and delete templates (`wire.md` 8.7)."""

from penstock.api.arguments import read_page_number, read_size, read_words
from penstock.api.dispatch import Route
from penstock.api.requests import Call
from penstock.api.responses import Response, ok
from penstock.service.workflows import WorkflowService
from penstock.wire.templates import decode_template, encode_template

_PATH = "/template"


class TemplateCalls:
    """Handlers of the template calls."""

    def __init__(self, workflows: WorkflowService) -> None:
        self._workflows = workflows

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
                method="DELETE",
                pattern=f"{_PATH}/{{id}}",
                action="ci:DeleteMediaTemplate",
                handler=self.delete,
            ),
        ]

    def create(self, call: Call) -> Response:
        """Create a template."""
        body = decode_template(call.tree())
        template = self._workflows.create_template(call.bucket, body.name, body.tag, body.body)
        return ok(call, {"Template": encode_template(template)})

    def list(self, call: Call) -> Response:
        """List templates, newest first."""
        tag, ids = call.argument("tag"), read_words(call, "ids")
        matching = [
            template
            for template in self._workflows.list_templates(call.bucket)
            if (tag in {"", "All", template.tag})
            and (not ids or template.id in ids)
            and template.name.startswith(call.argument("name"))
            and call.argument("category") in {"", "Custom"}
        ]
        number, size = read_page_number(call), read_size(call, "pageSize")
        page = matching[(number - 1) * size : number * size]
        return ok(
            call,
            {
                "TotalCount": len(matching),
                "PageNumber": number,
                "PageSize": size,
                "TemplateList": [encode_template(template) for template in page],
            },
        )

    def delete(self, call: Call) -> Response:
        """Delete a template."""
        self._workflows.delete_template(call.bucket, call.values["id"])
        return ok(call, {"TemplateId": call.values["id"]})
