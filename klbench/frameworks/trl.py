"""TRL: k3 in GRPO's loss, k1 or k3 in PPO's reward, k1 in RLOO's; nothing is clamped.

``use_bias_correction_kl`` multiplies GRPO's k3 by q/sampler. It is there from 0.26, off, and on by default from 1.10:
plain ``beta != 0`` is ``trl:grpo`` up to 1.9 and ``trl:grpo_bias_correction`` from 1.10. A name here is a setting of
the option, which means the same in every release that has it. Liger-Kernel's fused loss and axolotl are TRL's.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST, K3_ONE_FIRST, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import another_mean, mean_of_means, mean_of_sums, token_mean

_GRPO = Source("huggingface/trl", "trl/trainer/grpo_trainer.py", "per_token_kl")
_PPO = Source(
    "huggingface/trl", "trl/experimental/ppo/ppo_trainer.py, before 1.0 trl/trainer/ppo_trainer.py", "kl_estimator"
)
_OLD_PPO = Source("huggingface/trl", "trl/trainer/ppo_trainer.py", "_kl_penalty")
_RLOO = Source("huggingface/trl", "trl/trainer/rloo_trainer.py", "per_token_kl")
_ROLES = " q is the old policy and p the new one."

_PLAIN = Entry(
    "trl",
    "grpo",
    K3_LOG_FIRST,
    _GRPO,
    "k3 in the loss, multiplied by beta: it descends the forward KL. From 1.10 plain beta != 0 is "
    "trl:grpo_bias_correction, and this has to be asked for.",
    option="use_bias_correction_kl=False, the default up to 1.9 (from 1.10 it is True)",
    since="0.14.0",
)
_CORRECTED = Entry(
    "trl",
    "grpo_bias_correction",
    K3_LOG_FIRST,
    Source("huggingface/trl", "trl/trainer/grpo_trainer.py", "use_bias_correction_kl"),
    "k3 times the importance ratio that GRPO clips elsewhere, not clipped here and differentiated: it descends the "
    "reverse KL, off-policy too. With importance_sampling_level sequence the ratio is the sequence's.",
    option="use_bias_correction_kl=True, the default from 1.10 (up to 1.9 it is False)",
    since="0.26.0",
    weighting="ratio",
)
_CORRECTED_BY_SEQUENCE = replace(
    _CORRECTED,
    name="grpo_sequence_ratio",
    summary="k3 of each token times the geometric mean of its sequence's importance ratios, differentiated.",
    option="use_bias_correction_kl=True and importance_sampling_level sequence",
    weighting="ratio-geometric",
)


def _old_ppo(name: str, arithmetic: Arithmetic, summary: str, option: str = "") -> Entry:
    return Entry(
        "trl",
        name,
        arithmetic,
        _OLD_PPO,
        summary,
        option=option or f"kl_penalty {name}",
        since="0.4.7",
        until="0.11.4",
        placement="reward",
    )


def _of(framework: str, source: Source, entry: Entry, summary: str) -> Entry:
    return replace(entry, framework=framework, source=source, summary=summary, since="")


_LIGER = Source("linkedin/Liger-Kernel", "src/liger_kernel/chunked_loss/grpo_loss.py", "", read=True)
_AXOLOTL = Source("axolotl-ai-cloud/axolotl", "", "TRL's GRPO, and a copy of it in an asynchronous trainer", read=True)
_AS_IN_TRL = token_mean("as in TRL, by loss_type, of which dapo is the default")

FRAMEWORKS = (
    Framework(
        "trl",
        "1.9.0 and 26 commits, f2cd5771 of 2026-07-24, run; the wheel of 1.10.0, read",
        newest="1.10.0",
        coefficient="GRPO: beta, 0.0: the penalty is off unless it is set. PPO: kl_coef, 0.05. RLOO: beta, 0.05",
        log_probs="the current trainer's against the reference, with vLLM too; the weight divides by the trainer's old "
        "policy. Those of policy and reference are both tempered",
        reward="at the old policy's log-probabilities, stored with the samples",
        aggregation="GRPO by loss_type, as the policy's term: dapo (default; over the tokens of the whole accumulated "
        "batch), grpo and sapo (mean of the means of sequences), bnpo (token mean of the local batch), dr_grpo (over B "
        "× max_completion_length), cispo and vespo as dapo, luspo (× length). RLOO: sum over the sequence, in its "
        "reward. PPO: per token",
        precision="that of the logits (bfloat16 a row-wise log_softmax, float32 by logsumexp)",
        in_loss=token_mean(
            "loss_type dapo, over the tokens of the whole batch, from 0.22; bnpo, of the local batch, up to 0.21; the "
            "mean of the means of sequences up to 0.15, and for loss_type grpo and sapo. dr_grpo is over B × "
            "max_completion_length"
        ),
    ),
    Framework(
        "liger-kernel",
        "ead96b61 of 2026-08-21, read and not run: its own backward in Triton",
        coefficient="beta, as TRL hands it over",
        log_probs="as in TRL",
        aggregation="as in TRL",
        in_loss=_AS_IN_TRL,
    ),
    Framework(
        "axolotl",
        "0.18.0, 067b021c of 2026-07-24, read and not run",
        newest="0.18.0",
        coefficient="TRL's beta, 0.0",
        log_probs="as in TRL",
        aggregation="as in TRL",
        in_loss=_AS_IN_TRL,
    ),
)
ENTRIES = (
    _PLAIN,
    _CORRECTED,
    _CORRECTED_BY_SEQUENCE,
    Entry(
        "trl",
        "gmpo",
        K3_LOG_FIRST,
        Source("huggingface/trl", "trl/experimental/gmpo/gmpo_trainer.py", "per_token_kl"),
        "k3 in the loss of GMPO, without the correction: it descends the forward KL.",
        since="1.7.0",
        on_sequences=mean_of_means("whatever loss_type is"),
    ),
    Entry(
        "trl",
        "gspo_token",
        K3_LOG_FIRST,
        Source("huggingface/trl", "trl/experimental/gspo_token/grpo_trainer.py", "per_token_kl"),
        "k3 in the loss of GSPO-token, without the correction: it descends the forward KL.",
        since="0.24.0",
        on_sequences=token_mean("loss_type dapo, the default; grpo is the mean of the means of sequences"),
    ),
    Entry(
        "trl",
        "ppo_k1",
        K1,
        _PPO,
        "In the reward of each token: its gradient is that of the reverse KL.",
        option="kl_estimator k1, the default of PPO",
        since="0.12.0",
        aliases=("ppo",),
        placement="reward",
    ),
    Entry(
        "trl",
        "ppo_k3",
        K3_ONE_FIRST,
        _PPO,
        "k3 in the reward of each token: its mean gradient is that of the reverse KL less the forward KL.",
        option="kl_estimator k3",
        since="0.17.0",
        placement="reward",
    ),
    Entry(
        "trl",
        "rloo",
        K1,
        _RLOO,
        "k1 in the reward, summed over the tokens of a sequence first: give the sequence as a power, N(0, 1)**10. The "
        "trainer is another from 0.22.0; before it had token_level_kl.",
        since="0.9.3",
        placement="reward",
        on_sequences=mean_of_sums(
            "summed over the tokens of a sequence first, and added to the reward of the sequence"
        ),
    ),
    Entry(
        "trl",
        "approxkl",
        K2,
        Source("huggingface/trl", _PPO.file, "approxkl"),
        "PPO logs ½(new − old)², as a mean without the mask." + _ROLES,
        placement=None,
        on_sequences=another_mean("the mean over the padded tensor, without the mask: pads count"),
    ),
    _old_ppo(
        "kl", K1, "In the reward of each token: its gradient is that of the reverse KL.", "kl_penalty kl, the default"
    ),
    _old_ppo("abs", ABSOLUTE, "In the reward its gradient is not that of a KL."),
    _old_ppo("mse", K2, "In the reward its gradient is not that of a KL."),
    _of("liger-kernel", _LIGER, _PLAIN, "TRL's k3, fused: it descends the forward KL."),
    _of("liger-kernel", _LIGER, _CORRECTED, "TRL's k3 times ρ = q/sampler, fused: it descends the reverse KL."),
    _of("axolotl", _AXOLOTL, _PLAIN, "TRL's k3 in the loss: it descends the forward KL."),
    _of("axolotl", _AXOLOTL, _CORRECTED, "TRL's k3 times ρ = q/sampler, differentiated: it descends the reverse KL."),
)
