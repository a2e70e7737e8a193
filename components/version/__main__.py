r"""Pushes a dataset to S3 with DVC and commits its pointer to the registry.

python -m components.version --splits splits --card card --dataset reviews --registry registry.git \
        --store s3://evertune --source_reference ... --report report.html \
        --revision revision --dataset_digest digest --dvc_md5 md5
"""

from components.shared.entry import main
from components.version.config import Config

if __name__ == "__main__":
    main(Config, __doc__)
