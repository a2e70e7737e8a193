r"""Brings a dataset revision, verified.

python -m components.fetch --dataset reviews --registry registry.git --revision reviews/v1 \
        --dataset_digest ... --data data --card card
"""

from components.fetch.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
