"""Templates on the wire (`wire.md` section 8.7)."""

from typing import NamedTuple

from penstock.domain.resources import Template
from penstock.domain.trees import Tree, child, text
from penstock.wire.times import job_time
from penstock.wire.xml import Content

_REQUEST_LEAVES = {"Tag", "Name"}
_BLOCKS = {"Concat": "ConcatTemplate", "Tts": "TtsTpl", "FileHashCode": "FileHashCodeConfig"}
_ANSWER_BLOCKS = {**_BLOCKS, "Transcode": "TransTpl", "Animation": "TransTpl"}


class TemplateBody(NamedTuple):
    """What a create or update carries.

    Attributes:
        tag: The operation it is for.
        name: For people.
        body: The params.
    """

    tag: str
    name: str
    body: Tree


def decode_template(tree: Tree) -> TemplateBody:
    """Read the body of `POST /template` and `PUT /template/<id>`.

    The params stand in a block named like the tag, or (Transcode, Animation and their kin)
    directly under the root; both are taken for every tag, and the block of an answer as well.
    """
    tag = text(tree, "Tag")
    blocks = (_BLOCKS.get(tag, tag), _ANSWER_BLOCKS.get(tag, tag))
    in_block = next((found for name in blocks if (found := child(tree, name))), None)
    loose = {name: value for name, value in tree.items() if name not in _REQUEST_LEAVES}
    return TemplateBody(tag, text(tree, "Name"), loose if in_block is None else in_block)


def encode_template(template: Template) -> dict[str, Content]:
    """The `Template` of an answer; in lists it is called `TemplateList`."""
    return {
        "TemplateId": template.id,
        "Code": template.tag,  # where the Go SDK looks for the tag
        "Tag": template.tag,
        "Name": template.name,
        "BucketId": template.bucket,
        "Category": template.category,
        "CreateTime": job_time(template.created_ms),
        "UpdateTime": job_time(template.updated_ms),
        _ANSWER_BLOCKS.get(template.tag, template.tag): template.body,
    }
