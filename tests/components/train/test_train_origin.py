"""Base models that are not a directory yet: made from nothing, or unpacked from a GGUF file."""

import json

import pytest
import torch
import transformers

from components.resolve.base_model import pin_base_model
from components.shared.errors import UserError
from components.shared.new_models import pin_new_model
from components.train import core
from tests.task_data import KINDS, row_of

SMALL = "width=16,layers=2,heads=2,vocabulary=400,positions=64"


@pytest.fixture
def data_of(tmp_path, reviews_of, write_rows_of):
    def make(task):
        rows = [row_of(task, *one) for one in reviews_of(60)]
        return write_rows_of(tmp_path / task, task, {"train": rows[:42], "validation": rows[42:54], "test": rows[54:]})

    return make


@pytest.mark.parametrize("task", ["causal_lm", "chat", "classification", "translation"])
def test_a_model_made_from_nothing_learns_and_is_the_same_again(configure, data_of, task):
    uri, data = f"new://{KINDS[task]}/{SMALL}", data_of(task)
    configs = [
        configure(home, task=task, data=data, base_model_reference=str(pin_base_model(uri)), max_tokens=48)
        for home in ("one", "two")
    ]
    for config in configs:
        core.run(config)
    one, two = ((config.model / "model.safetensors").read_bytes() for config in configs)
    assert one == two
    losses = [point["loss"] for point in json.loads((configs[0].model / "training.json").read_text())["history"]]
    assert min(losses[1:]) < losses[0]
    assert len(transformers.AutoTokenizer.from_pretrained(configs[0].model)) <= 400


@pytest.mark.parametrize(("task", "kind"), [("masked_lm", "wordpiece"), ("translation", "unigram")])
def test_a_vocabulary_of_another_kind_is_trained_on(configure, data_of, task, kind):
    uri = f"new://{KINDS[task]}/{SMALL},tokenizer={kind}"
    config = configure(task=task, data=data_of(task), base_model_reference=str(pin_base_model(uri)), max_tokens=48)
    core.run(config)
    losses = [point["loss"] for point in json.loads((config.model / "training.json").read_text())["history"]]
    assert min(losses[1:]) < losses[0]
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.model)
    assert json.loads(tokenizer.backend_tokenizer.to_str())["model"]["type"].lower() == kind
    ids = tokenizer("a fine film")["input_ids"]
    assert ids[-1] == (tokenizer.eos_token_id or tokenizer.sep_token_id)
    assert tokenizer.unk_token_id not in ids
    with pytest.raises(UserError, match=f"base_model: a gpt2 has no tokenizer '{kind}' here. Use bpe"):
        pin_base_model(f"new://gpt2/tokenizer={kind}")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("new://elephant", "'new://elephant' names no family. Use new:// and one of bert, gpt2, llama, t5"),
        ("new://gpt2/width=big", "'width=big' is not a size. Give name=number pairs of width"),
        ("new://gpt2/wide=8", "'wide=8' is not a size"),
        ("new://gpt2/width=10,heads=4", "the width 10 cannot be shared by 4 heads"),
    ],
)
def test_an_address_of_a_model_that_cannot_be_made_is_refused_by_resolve(uri, message):
    with pytest.raises(UserError) as caught:
        pin_base_model(uri)
    assert message in caught.value.line


@pytest.mark.parametrize(
    ("uri", "changes", "message"),
    [
        ("new://t5", {}, "new://t5 is a t5 model, which causal_lm cannot train"),
        ("new://gpt2/positions=16", {"max_tokens": 48}, "train.max_tokens: 48 is more than new://gpt2/positions=16"),
    ],
)
def test_a_new_model_that_does_not_fit_is_refused_before_it_is_made(configure, data_of, uri, changes, message):
    config = configure(
        task="causal_lm",
        data=data_of("causal_lm"),
        base_model_reference=str(pin_new_model(uri, "base_model")),
        **changes,
    )
    with pytest.raises(UserError) as caught:
        core.run(config)
    assert message in caught.value.line
    assert not config.model.exists()


@pytest.fixture
def gguf_file(tmp_path):
    """A tiny Llama in half precision, with a tokenizer of bytes, as llama.cpp's files hold it."""
    from gguf import GGUFWriter

    path = tmp_path / "tiny.gguf"
    writer = GGUFWriter(path, "llama")
    shape = {"vocab_size": 261, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64}
    torch.manual_seed(3)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape, **heads))
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_block_count(2)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(261)
    _write_tokenizer(writer)
    for name, tensor in _llama_cpp_names(model).items():
        writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, model


def _write_tokenizer(writer):
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<s>", "</s>", "<unk>", "<pad>", *sorted(ByteLevel.alphabet()), "th"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 4 + [1] * 257)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(3)


def _llama_cpp_names(model):
    """The weights by the names of llama.cpp; it turns the rows of queries and keys within each head."""
    weights = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    found = {
        "token_embd.weight": weights["model.embed_tokens.weight"],
        "output_norm.weight": weights["model.norm.weight"],
        "output.weight": weights["lm_head.weight"],
    }
    parts = {
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    }  # fmt: skip
    for layer in range(2):
        for theirs, ours in parts.items():
            tensor = weights[f"model.layers.{layer}.{ours}.weight"]
            if theirs in ("attn_q", "attn_k"):
                tensor = tensor.reshape(2, 2, 8, 32).swapaxes(1, 2).reshape(32, 32)
            found[f"blk.{layer}.{theirs}.weight"] = tensor.contiguous()
    return found


def test_a_gguf_file_is_unpacked_and_trained(configure, data_of, gguf_file):
    path, model = gguf_file
    config = configure(
        task="causal_lm",
        data=data_of("causal_lm"),
        base_model_reference=str(pin_base_model(str(path))),
        learning_rate=0.0,
        packing=False,
    )
    core.run(config)
    trained = transformers.AutoModelForCausalLM.from_pretrained(config.model)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_what_only_has_the_ending_of_gguf_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"version https://git-lfs")
    with pytest.raises(UserError, match=r"model.gguf is not a GGUF file"):
        pin_base_model(str(tmp_path / "model.gguf"))


def test_a_gguf_file_that_cannot_be_read_ends_in_one_line(configure, data_of, tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + b"\0" * 40)
    reference = str(pin_base_model(str(tmp_path / "model.gguf")))
    with pytest.raises(UserError, match="cannot be loaded"):
        core.run(configure(task="causal_lm", data=data_of("causal_lm"), base_model_reference=reference))
