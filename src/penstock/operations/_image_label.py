"""Writes the label that generated content must carry into a picture's XMP.

The label is a JSON object under the property `AIGC` of the namespace that the Chinese standard
committee TC260 gave it. Where a picture has XMP already, the label is added to it.
"""

import json
import re
from html import escape

from penstock.operations._vips import Picture, vips

_NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_END = re.compile(rb"</\w+:RDF\s*>")
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'


def labelled(image: Picture, label: tuple[tuple[str, str], ...]) -> Picture:
    """The same picture with the label, and with the XMP that it had."""
    value = escape(json.dumps(dict(label), separators=(",", ":")))
    description = (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="" '
        f'xmlns:TC260="{_NAMESPACE}" TC260:AIGC="{value}"/>'
    )
    before = bytes(image.get("xmp-data")) if "xmp-data" in image.get_fields() else b""
    ends = list(_END.finditer(before))
    if ends:
        end = ends[-1]
        after = before[: end.start()] + description.encode() + before[end.start() :]
    else:
        after = (
            f'{_BEGIN}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
            f'{description}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        ).encode()
    image = image.copy()
    image.set_type(vips().GValue.blob_type, "xmp-data", after)
    return image
