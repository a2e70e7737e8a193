"""A few real reviews as rows of each task, and the tiny model that learns it."""

from __future__ import annotations

from typing import Any

KINDS = {
    "classification": "bert",
    "multilabel_classification": "bert",
    "causal_lm": "gpt2",
    "masked_lm": "bert",
    "translation": "t5",
    "summarization": "t5",
    "question_answering": "bert",
    "chat": "llama",
}


def row_of(task: str, text: str, label: str) -> dict[str, Any]:
    """A row of a task, made of a review."""
    words = text.split()
    if task == "classification":
        return {"text": text, "label": label}
    if task == "multilabel_classification":
        return {"text": text, "labels": [label] * ("film" in text) + ["short"] * (len(words) < 15)}
    if task in ("causal_lm", "masked_lm"):
        return {"text": text}
    if task in ("translation", "summarization"):
        return {"source": text, "target": " ".join(reversed(words[:4]))}
    if task == "question_answering":
        start = len(" ".join(words[:2])) + 1
        return {"question": "which word?", "context": text, "answers": [{"text": words[2], "start": start}]}
    assert task == "chat", task
    return {
        "messages": [
            {"role": "user", "content": text[:6]},
            {"role": "assistant", "content": label},
            {"role": "user", "content": "and now?"},
            {"role": "assistant", "content": "still " + label},
        ]
    }
