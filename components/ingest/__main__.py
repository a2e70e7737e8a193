r"""Reads a source into canonical rows.

python -m components.ingest --source_reference @resolve/source_reference --task classification \
    --raw raw --evaluation_texts evaluation_texts --rejects rejects
"""

from components.ingest.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
