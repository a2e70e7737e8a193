"""Which model fits which task, told from the base model's `config.json` alone: before a download, before torch.

The families are those that the transformers pinned here loads with the head of the task, text models only; a test
holds them against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.shared.errors import UserError

_SEQUENCE_CLASSIFICATION: Final = frozenset(
    """
    albert arcee axk1 axk2 bart bert big_bird bigbird_pegasus biogpt bloom camembert canine cohere_compass_text
    convbert ctrl data2vec-text deberta deberta-v2 deepseek_v2 deepseek_v3 diffllama distilbert doge electra ernie
    eurobert exaone4 falcon flaubert fnet funnel gemma gemma2 gemma3 gemma3_text glm glm4 gpt-sw3 gpt2 gpt_bigcode
    gpt_neo gpt_neox gpt_oss gptj gte helium hunyuan_v1_dense hunyuan_v1_moe ibert jamba jetmoe jina_embeddings_v3
    llama longformer luke mbart megatron-bert minicpm3 minimax ministral ministral3 mistral mistral4 mixtral
    mobilebert modernbert modernbert-decoder mpnet mpt mra mt5 mvp nemotron nomic_bert nystromformer olmo olmo2
    olmo3 openai-gpt opt persimmon phi phi3 phimoe plbart qwen2 qwen2_moe qwen3 qwen3_5 qwen3_5_text qwen3_moe
    qwen3_next reformer rembert roberta roberta-prelayernorm roc_bert roformer seed_oss smollm3 squeezebert
    stablelm starcoder2 t5 t5gemma t5gemma2 ultrabert umt5 xlm xlm-roberta xlm-roberta-xl xlnet xmod yoso zamba
    zamba2
    """.split()
)
_CAUSAL_LM: Final = frozenset(
    """
    afmoe apertus arcee aria_text axk1 axk2 bailing_hybrid bamba beam biogpt bitnet bloom blt codegen cohere
    cohere2 cohere2_moe cohere_compass_text cwm dbrx deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 diffllama
    doge dots1 dots3_note dots3_note_text ernie4_5 ernie4_5_moe exaone4 exaone_moe falcon falcon_h1 falcon_mamba
    flex_olmo flint gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text gemma4 gemma4_assistant gemma4_text
    gemma4_unified gemma4_unified_assistant gemma4_unified_text glm glm4 glm4_moe glm4_moe_lite glm_moe_dsa
    gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj granite granite_swa granitemoe
    granitemoe_swa granitemoehybrid granitemoeshared helium hrm_text hunyuan_v1_dense hunyuan_v1_moe hy_v3 hy_v4
    hyperclovax inkling2_text inkling_text internlm3 iquestcoder jais2 jamba jetmoe kimi_linear kolibri1 laguna
    lfm2 lfm2_moe lfm3 llama llama4 llama4_text longcat_flash mamba mamba2 mellum mimo_v2_flash minicpm3 minimax
    minimax_m2 minimax_m3_vl_text ministral ministral3 mistral mixtral modernbert-decoder mpt nanochat nemotron
    nemotron_h olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt persimmon phi phi3 phimoe qwen2 qwen2_moe qwen3
    qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next qwen4_exp qwen4_exp_text
    recurrent_gemma rwkv seed_oss smollm3 solar_open stablelm starcoder2 vaultgemma xglm xlstm youtu zamba zamba2
    zaya
    """.split()
)
_MASKED_LM: Final = frozenset(
    """
    albert bart bert big_bird camembert convbert data2vec-text deberta deberta-v2 distilbert electra ernie
    eurobert flaubert fnet funnel gte ibert jina_embeddings_v3 longformer luke mbart megatron-bert mobilebert
    modernbert mpnet mra mvp neomme nomic_bert nystromformer reformer rembert roberta roberta-prelayernorm
    roc_bert roformer squeezebert ultrabert xlm xlm-roberta xlm-roberta-xl xmod yoso
    """.split()
)
_SEQ2SEQ: Final = frozenset(
    """
    bart bigbird_pegasus blenderbot blenderbot-small fsmt led longt5 m2m_100 marian mbart mt5 mvp nllb-moe pegasus
    pegasus_x plbart prophetnet switch_transformers t5 t5gemma t5gemma2 umt5
    """.split()
)
_QUESTION_ANSWERING: Final = frozenset(
    """
    albert arcee bart bert big_bird bigbird_pegasus bloom camembert canine convbert data2vec-text deberta
    deberta-v2 diffllama distilbert electra ernie exaone4 falcon flaubert fnet funnel gpt2 gpt_neo gpt_neox gptj
    ibert jina_embeddings_v3 led llama longformer luke mbart megatron-bert minimax ministral ministral3 mistral
    mixtral mobilebert modernbert mpnet mpt mra mt5 mvp nemotron nystromformer opt qwen2 qwen2_moe qwen3 qwen3_moe
    qwen3_next reformer rembert roberta roberta-prelayernorm roc_bert roformer seed_oss smollm3 splinter
    squeezebert t5 ultrabert umt5 xlm xlm-roberta xlm-roberta-xl xlnet xmod yoso
    """.split()
)
FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "classification": _SEQUENCE_CLASSIFICATION,
    "multilabel_classification": _SEQUENCE_CLASSIFICATION,
    "causal_lm": _CAUSAL_LM,
    "chat": _CAUSAL_LM,
    "masked_lm": _MASKED_LM,
    "translation": _SEQ2SEQ,
    "summarization": _SEQ2SEQ,
    "question_answering": _QUESTION_ANSWERING,
}
"""Values of `model_type` that can learn each task."""
NEEDS: Final[Mapping[str, str]] = {
    "causal_lm": "reads from left to right only, such as gpt2 or llama",
    "chat": "reads from left to right only, such as gpt2 or llama",
    "masked_lm": "has a masked-language-model head, such as bert or roberta",
    "translation": "has an encoder and a decoder, such as t5 or marian",
    "summarization": "has an encoder and a decoder, such as t5 or bart",
    "question_answering": "has a question-answering head, such as bert or roberta",
}
_ANY: Final = "has a classification head, such as bert or roberta"


def check_fit(task: str, settings: Mapping[str, Any], name: str) -> None:
    """Raises UserError when a model cannot learn a task.

    Args:
        task: A name of FAMILIES.
        settings: The content of the model's `config.json`.
        name: Name of the model, for the error.
    """
    family = str(settings.get("model_type"))
    if family in FAMILIES[task]:
        return
    why = _also(family)
    raise UserError(
        f"{name} is a {family} model, which {task} cannot train{why}",
        where="base_model",
        remedy=f"choose a model that {NEEDS.get(task, _ANY)}",
    )


def _also(family: str) -> str:
    """What the family is good for instead."""
    fitting = [task for task, families in FAMILIES.items() if family in families]
    return f" (it fits {', '.join(fitting)})" if fitting else " (its family is not known here)"
