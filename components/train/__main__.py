"""Fine-tunes a model.

python -m components.train --data data --base_model_reference @resolve/base_model_reference --task classification ...
"""

from components.shared.entry import main
from components.train.config import Config

if __name__ == "__main__":
    main(Config, __doc__)
