"""Which images the compiled pipelines run: by digest where they were pushed, by tag otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from components.shared.errors import UserError
from pipelines.profiles import ROOT

VARIABLE: Final = "EVERTUNE_IMAGES"
RECORD: Final = ROOT / "build" / "images.json"
"""What `make images` and `make push` write."""
_REMEDY: Final = "run `make images`, or `make push REGISTRY=...` for digests"


def use(record: Path | None) -> None:
    """Makes the definitions take their images from this file; with None, the local images by their tags.

    It must be called before the pipelines are imported: a definition is made once.

    Raises:
        UserError: if the file is not there or lacks an image.
    """
    if record is None:
        os.environ.pop(VARIABLE, None)
        return
    from components.images import IMAGES

    try:
        images = dict(json.loads(record.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(record), remedy=_REMEDY) from None
    except (ValueError, TypeError):
        raise UserError("is not the record of a build", where=str(record), remedy=_REMEDY) from None
    if lacking := sorted(set(IMAGES.values()) - set(images)):
        raise UserError(f"names no image {', '.join(lacking)}", where=str(record), remedy=_REMEDY)
    os.environ[VARIABLE] = str(record.resolve())
