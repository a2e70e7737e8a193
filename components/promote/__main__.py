r"""Makes a model the champion, or says why not.

python -m components.promote --model model --evaluation evaluation --model_name reviews --store s3://evertune \
        --champion 000001-0123456789abcdef --decision decision.json
"""

from components.promote.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
