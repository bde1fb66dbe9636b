"""The names that the catalogue answers to: each resolves to what the release it names ships."""

from __future__ import annotations

ASKED = """
areal:k1 areal:k2 areal:k3 areal@0.3.1:k1 areal@0.3.4:k1 areal@0.3.4:k2 areal@0.3.4:k3
art:grpo
axolotl:grpo axolotl:grpo_bias_correction
chatlearn:grpo
cleanrl:approx_kl cleanrl:old_approx_kl
colossalai:approx_kl colossalai:grpo colossalai:kl colossalai@0.2.5:approx_kl colossalai@0.2.8:approx_kl
colossalai@0.3.0:approx_kl colossalai@0.3.1:approx_kl colossalai@0.3.6:approx_kl
compose-rl:k1 compose-rl:k2 compose-rl:k3 compose-rl:k3_offpolicy
cosmos-rl:grpo cosmos-rl:grpo_unbiased cosmos-rl@0.2.5:grpo cosmos-rl@0.2.6:grpo cosmos-rl@0.3.7:grpo
cosmos-rl@0.3.7:grpo_unbiased
deepspeed-chat:kl
easyr1:abs easyr1:kl easyr1:low_var_kl easyr1:mse
labs-molt:k1 labs-molt:k2 labs-molt:k3
liger-kernel:grpo liger-kernel:grpo_bias_correction
llama-factory:kl
megatron-lm:grpo
miles:k1 miles:k1_unbiased miles:k2 miles:k2_unbiased miles:k3 miles:k3_unbiased miles:low_var_kl
miles:low_var_kl_unbiased
ms-swift:grpo ms-swift:kl_in_reward ms-swift@4.0.3:grpo ms-swift@4.0.4:grpo
nemo-rl:k1 nemo-rl:k1_on_policy nemo-rl:k2 nemo-rl:k2_on_policy nemo-rl:k3 nemo-rl:k3_on_policy nemo-rl@0.2.1:k3
nemo-rl@0.2.1:k3_on_policy nemo-rl@0.3.1:k3 nemo-rl@0.3.1:k3_on_policy nemo-rl@0.4.0:k3 nemo-rl@0.4.0:k3_on_policy
nemo-rl@0.5.0:k1 nemo-rl@0.5.0:k1_on_policy nemo-rl@0.5.0:k2 nemo-rl@0.5.0:k2_on_policy nemo-rl@0.5.0:k3
nemo-rl@0.5.0:k3_on_policy nemo-rl@0.6.0:k1 nemo-rl@0.6.0:k1_on_policy nemo-rl@0.6.0:k2 nemo-rl@0.6.0:k2_on_policy
nemo-rl@0.6.0:k3 nemo-rl@0.6.0:k3_on_policy nemo-rl@0.7.0:k1 nemo-rl@0.7.0:k1_on_policy nemo-rl@0.7.0:k2
nemo-rl@0.7.0:k2_on_policy nemo-rl@0.7.0:k3 nemo-rl@0.7.0:k3_on_policy
oat:kl3 oat:kl_rewards
open-instruct:0 open-instruct:1 open-instruct:2 open-instruct:3
openrlhf:k1 openrlhf:k2 openrlhf:k3 openrlhf@0.11.0:k1 openrlhf@0.11.0:k2 openrlhf@0.11.0:k3 openrlhf@0.4.5:k1
openrlhf@0.5.0:k1 openrlhf@0.5.0:k3 openrlhf@0.5.9:k1 openrlhf@0.5.9:k3 openrlhf@0.6.1:k1 openrlhf@0.6.1:k2
openrlhf@0.6.1:k3 openrlhf@0.8.5:k1 openrlhf@0.8.5:k2 openrlhf@0.8.5:k3 openrlhf@0.8.6:k1 openrlhf@0.8.6:k2
openrlhf@0.8.6:k3
pipelinerl:approx_kl
prime-rl:kl prime-rl:mismatch_kl prime-rl:ref_kl prime-rl@0.3.0:kl prime-rl@0.4.0:kl prime-rl@0.5.0:kl
rl2:k1 rl2:k2 rl2:k3
rl4lms:approx_kl rl4lms:kl_div
rlhf-book:kl1 rlhf-book:kl2 rlhf-book:kl3
rlinf:abs rlinf:k1 rlinf:k2 rlinf:k3 rlinf:kl rlinf:low_var_kl rlinf:mse
roll:abs roll:k3 roll:kl roll:mse roll@0.1.0:abs roll@0.1.0:k3 roll@0.1.0:kl roll@0.1.0:mse
skyrl:abs skyrl:k1 skyrl:k2 skyrl:k3
slime:k1 slime:k1_unbiased slime:k2 slime:k2_unbiased slime:k3 slime:k3_unbiased slime:low_var_kl
slime:low_var_kl_unbiased slime@0.1.0:k2 slime@0.1.0:k3 slime@0.1.0:kl slime@0.1.0:low_var_kl slime@0.2.0:k1
slime@0.2.0:k2 slime@0.2.0:k3 slime@0.2.0:low_var_kl slime@0.2.1:k1 slime@0.2.1:k1_unbiased slime@0.2.1:k2
slime@0.2.1:k2_unbiased slime@0.2.1:k3 slime@0.2.1:k3_unbiased slime@0.2.1:low_var_kl slime@0.2.1:low_var_kl_unbiased
slime@0.3.1:k1 slime@0.3.1:k2 slime@0.3.1:k3 slime@0.3.1:low_var_kl
stable-baselines3:approx_kl
torchforge:grpo
torchrl:kl_to_ref
torchtune:grpo torchtune:ppo
trinity-rft:abs trinity-rft:corrected_k3 trinity-rft:k1 trinity-rft:k2 trinity-rft:k3 trinity-rft:low_var_kl
trl:approxkl trl:grpo trl:grpo_bias_correction trl:ppo_k1 trl:ppo_k3 trl:rloo trl@0.11.4:abs trl@0.11.4:kl
trl@0.11.4:mse trl@0.12.0:ppo_k1 trl@0.14.0:grpo trl@0.17.0:ppo_k1 trl@0.17.0:ppo_k3 trl@0.22.0:rloo trl@0.26.0:grpo
trl@0.26.0:grpo_bias_correction trl@1.0.0:grpo trl@1.0.0:grpo_bias_correction trl@1.9.0:grpo
trl@1.9.0:grpo_bias_correction
trlx:kl_penalty trlx:mean_kl
tunix:kl tunix:low_var_kl tunix:mse_kl tunix@0.1.5:kl tunix@0.1.5:low_var_kl tunix@0.1.5:mse_kl tunix@0.1.6:kl
tunix@0.1.6:low_var_kl tunix@0.1.6:mse_kl tunix@0.1.7:kl tunix@0.1.7:low_var_kl tunix@0.1.7:mse_kl
unsloth:grpo
verl:abs verl:abs+ verl:k1 verl:k1+ verl:k2 verl:k2+ verl:k3 verl:k3+ verl:kl verl:kl+ verl:low_var_kl
verl:low_var_kl+ verl:mse verl:mse+ verl@0.2:abs verl@0.2:kl verl@0.2:low_var_kl verl@0.2:mse verl@0.4.0:abs
verl@0.4.0:k1 verl@0.4.0:k2 verl@0.4.0:k3 verl@0.4.0:kl verl@0.4.0:low_var_kl verl@0.4.0:mse verl@0.4.1:abs
verl@0.4.1:k1 verl@0.4.1:k2 verl@0.4.1:k3 verl@0.4.1:kl verl@0.4.1:low_var_kl verl@0.4.1:mse verl@0.5.0:k1
verl@0.5.0:k2 verl@0.5.0:k3 verl@0.7.1:k1 verl@0.7.1:low_var_kl verl@0.8.0:k1+ verl@0.8.0:low_var_kl+ verl@0.9.0:k3+
verl@0.9.0:low_var_kl
xtuner:abs xtuner:k1 xtuner:k2 xtuner:k3 xtuner:kl xtuner:low_var_kl xtuner:mse
"""
NAMES = tuple(ASKED.split())
