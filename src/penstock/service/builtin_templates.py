"""The vendor's official templates that this build can run; the others are not there."""

from penstock.domain.resources import Template
from penstock.domain.vendor_templates import find_vendor_template, vendor_templates
from penstock.operations.registry import find


def official_templates() -> list[Template]:
    """Every built-in template, in the order of the vendor's page."""
    return [template for template in vendor_templates() if find(template.tag) is not None]


def find_official(template_id: str) -> Template | None:
    """The built-in template of an id; None when there is none."""
    found = find_vendor_template(template_id)
    return found if found is not None and find(found.tag) is not None else None
