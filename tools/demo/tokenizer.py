"""Trains the byte-level BPE tokenizer and writes its Hugging Face files."""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from paths import CORPUS, PACK, write_json

VOCAB = 2048
SAMPLE = 60_000
SPECIALS = ["<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>"]
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def plain_text():
    """The corpus without its special tokens, one piece at a time."""
    with open(CORPUS, encoding="utf-8") as lines:
        for _, line in zip(range(SAMPLE), lines):
            for text, _ in json.loads(line):
                for special in SPECIALS:
                    text = text.replace(special, "\n")
                yield text


def main():
    PACK.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=SPECIALS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(plain_text(), trainer)
    tokenizer.save(str(PACK / "tokenizer.json"))
    write_json("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "chat_template": CHAT_TEMPLATE,
    })
    ids = {name: tokenizer.token_to_id(name) for name in SPECIALS}
    write_json("generation_config.json", {
        "bos_token_id": ids["<|bos|>"],
        "eos_token_id": [ids["<|end|>"]],
        "pad_token_id": ids["<|pad|>"],
    })
    for text in ["Hello, world", " 12 – naïve 日本語 🙂\n\n\tx", "", "a\u0000b"]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text, text
    print(f"tokenizer: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
