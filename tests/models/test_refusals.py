"""What cannot be measured of checkpoints is refused: early where the spec tells, else before a token is drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import klbench
from klbench.errors import RunError, SpecError
from klbench.spec.expression import parse
from tests.models import tiny
from tests.models.conftest import Bench

Q, P = 'Model("q")', 'Model("p")'


def refused(bench: Bench, spec: dict[str, object]) -> SpecError:
    (bench.folder / "spec.yaml").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(SpecError) as error:
        klbench.read_spec(bench.folder / "spec.yaml")
    return error.value


def spec_with(**pair: object) -> dict[str, object]:
    return {"name": "tiny", "estimators": ["k1"], "pairs": [{"q": Q, "p": P, **pair}]}


ASKED = {"prompts": "prompts.txt", "length": 8}


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ({}, "a pair of checkpoints needs prompts and length"),
        ({"prompts": "prompts.txt"}, "a pair of checkpoints needs length"),
        ({**ASKED, "length": 0}, "0 is not a length"),
        ({**ASKED, "p": "Markov(vocab=40, length=8)"}, "one is a checkpoint, the other is not"),
        ({**ASKED, "sampler": "Zipf(vocab=40)"}, "q and sampler cannot be compared"),
        ({**ASKED, "p": "Perturb(q, scale=0.1)"}, "Perturb is not made of a checkpoint"),
        ({**ASKED, "p": "Temper(q, 0.5)"}, "Temper is not made of a checkpoint"),
        ({**ASKED, "q": '0.5*Model("q") + 0.5*Model("p")'}, "cannot be mixed"),
        ({**ASKED, "q": 'Model("q")**2'}, "cannot be raised to a power"),
        ({**ASKED, "q": 'Model("./nowhere")'}, "is not there: there is no such folder"),
        ({**ASKED, "q": 'Model("prompts.txt")'}, "is a file"),
        ({**ASKED, "q": 'Model("empty")'}, "is a folder without config.json"),
        ({**ASKED, "q": 'Model("q", dtype=int8)'}, "int8"),
        ({**ASKED, "q": 'Model("q", dtype=char)'}, "dtype must be auto, float32, bfloat16, float16 or float64"),
        ({**ASKED, "q": 'Model("q", temperature=0)'}, "temperature must be a number > 0"),
        ({**ASKED, "q": 'Model("q", revision="a b")'}, "revision must be the name of a branch"),
        ({"q": "Zipf(vocab=4)", "p": "Zipf(vocab=4)", "prompts": "prompts.txt"}, "prompts is for checkpoints"),
        ({"q": "Zipf(vocab=4)", "p": "Zipf(vocab=4)", "length": 3}, "length is for checkpoints"),
    ],
)
def test_pairs_that_cannot_be(bench: Bench, pair: dict[str, object], said: str) -> None:
    (bench.folder / "empty").mkdir()
    assert said in refused(bench, spec_with(**pair)).message


def test_there_are_no_gradients(bench: Bench) -> None:
    error = refused(bench, {**spec_with(**ASKED), "measure": "gradient"})
    assert error.message == "checkpoints have values and no gradients"


def test_a_temperature_is_told_instead_of_temper(bench: Bench) -> None:
    error = refused(bench, spec_with(**ASKED, sampler="Temper(q, 0.5)"))
    assert any('Model("folder", temperature=0.8)' in line for line in error.help)


def test_vocabularies_must_be_one(bench: Bench) -> None:
    with pytest.raises(SpecError) as error:
        bench.run(Q, 'Model("wider")')
    assert error.value.message == "q and p cannot be compared: q has 40 tokens, wider has 43"


def test_k_is_at_most_the_vocabulary(bench: Bench) -> None:
    with pytest.raises(SpecError, match=r"topk\(41\): the vocabulary has 40 tokens"):
        bench.run(Q, P, estimators=["topk(41)"])


def test_a_torn_checkpoint_is_told(bench: Bench) -> None:
    torn = tiny.write(bench.folder / "torn", tiny.gpt2(1))
    weights = torn / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunError, match="torn cannot be loaded"):
        bench.run('Model("torn")', P)


def test_a_folder_of_something_else_is_told(bench: Bench) -> None:
    (bench.folder / "other").mkdir()
    (bench.folder / "other" / "config.json").write_text('{"model_type": "no such"}', encoding="utf-8")
    with pytest.raises(RunError, match="other cannot be loaded"):
        bench.run('Model("other")', P)


def test_weights_that_are_nan_are_told(bench: Bench) -> None:
    model = tiny.gpt2(1)
    model.transformer.h[0].mlp.c_fc.weight.data.fill_(float("nan"))
    tiny.write(bench.folder / "nan", model)
    with pytest.raises(RunError, match="nan gives NaN for a token's probability"):
        bench.run(Q, 'Model("nan")')


def test_a_missing_extra_says_what_to_install(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = bench.spec(Q, P)
    monkeypatch.setitem(sys.modules, "transformers", None)
    from klbench.models.loading import _loaded

    _loaded.cache_clear()
    with pytest.raises(RunError) as error:
        klbench.run(spec, device="cpu")
    assert error.value.message == "Model(...) needs transformers"
    assert error.value.help == ("pip install 'klbench[models]'",)


def test_reading_and_explaining_load_nothing(bench: Bench) -> None:
    bench.spec(Q, P)
    code = (
        "import sys, klbench\n"
        "import klbench.cli.app\n"
        "klbench.read_spec(sys.argv[1])\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(bench.folder / "spec.yaml")], check=True, cwd=Path.cwd())


def test_a_name_on_a_hub_needs_no_file() -> None:
    assert str(parse('Model("owner/name", dtype=bfloat16)')) == 'Model(name="owner/name", dtype="bfloat16")'
    assert str(parse('Model("owner/name", "bfloat16", 0.5, "v1")')).endswith('temperature=0.5, revision="v1")')


def test_a_folder_without_a_tokenizer_is_told(bench: Bench) -> None:
    """Of some models transformers makes an empty one, of others it says what it misses in a list after a colon."""
    for name, model in (("gpt2", tiny.gpt2(1)), ("bare", tiny.llama(1))):
        model.save_pretrained(bench.folder / name)
        with pytest.raises(RunError, match="the tokenizer of") as error:
            bench.run(f'Model("{name}")', P)
        assert not error.value.message.rstrip().endswith(":")
        assert error.value.help == ("a folder that save_pretrained of the model and of its tokenizer has written",)


def test_a_folder_without_weights_is_told(bench: Bench) -> None:
    tiny.write(bench.folder / "bare", tiny.gpt2(1))
    (bench.folder / "bare" / "model.safetensors").unlink()
    with pytest.raises(RunError, match="bare cannot be loaded: ") as error:
        bench.run('Model("bare")', P)
    assert "save_pretrained" in error.value.help[0]
