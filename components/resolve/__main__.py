r"""Pins the source and the base model, and looks up the champion.

python -m components.resolve --source reviews.csv --base_model model/ --model_name reviews \
    --store s3://evertune --parameters @params.yaml \
    --source_reference source_reference --evaluation_reference evaluation_reference \
    --base_model_reference base_model_reference --champion champion
"""

from components.resolve.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
