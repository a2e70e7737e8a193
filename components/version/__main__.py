"""Pushes a dataset to S3 with DVC and commits its pointer to the registry.

    python -m components.version --splits splits --card card --dataset reviews --registry registry.git --store s3://evertune ...
"""

from components.version.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
