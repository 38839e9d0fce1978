#!/usr/bin/env bash
# From raw code to a chat model that writes code: the whole chain, one step after another.
#
#   pretrain/launch.sh --preset tiny                  two CPU cores, under 45 minutes, real packages and a real teacher
#   pretrain/launch.sh --preset 1.5b --dry-run        what it would take: tokens, memory, disk, time, every command
#   NNODES=32 HEAD=node0 pretrain/launch.sh --preset 1.5b --source /data/code --teacher vllm:Qwen/Qwen3-32B
#
# Every step prints its command, so that it can be run alone, and leaves runs/NAME/STEP/; a finished one is skipped, an
# interrupted one goes on. On several nodes start this script once on each (see launch.slurm) on a shared disk: node 0
# does the work that one node can do, training runs on all.
set -euo pipefail

preset=tiny name='' dry_run='' teacher=local sources=()
usage() {
    cat <<'END'
usage: launch.sh [--preset tiny|1.5b|8b|smoke|FILE.yaml] [--name NAME] [--source SOURCE]... [--teacher T] [--dry-run]
  --preset   model, batch, tokens and schedule (pretrain/presets/)          [default: tiny]
  --name     the run's folder, runs/NAME                                    [default: the preset's]
  --source   raw code: pypi, a folder, JSONL or Parquet files; repeatable   [default: pypi, 120 MB]
  --teacher  who writes the synthetic rows: local, vllm:MODEL, openai:MODEL [default: local]
  --dry-run  print the plan and every command, run nothing
environment, for several nodes: NNODES, NODE_RANK, GPUS (per node), HEAD (host of node 0), PORT
END
}
fail() { echo "launch.sh: $*" >&2; exit 1; }
while (($#)); do
    case $1 in
        --preset) preset=${2:?--preset needs a name}; shift 2 ;;
        --name) name=${2:?--name needs a name}; shift 2 ;;
        --source) sources+=(--source "${2:?--source needs a source}"); shift 2 ;;
        --teacher) teacher=${2:?--teacher needs a teacher}; shift 2 ;;
        --dry-run) dry_run=yes; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "launch.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    esac
done
label=$(basename "${preset%.yaml}")
run=runs/${name:-$label}
NNODES=${NNODES:-1} NODE_RANK=${NODE_RANK:-${SLURM_NODEID:-0}} HEAD=${HEAD:-localhost} PORT=${PORT:-29400}
GPUS=${GPUS:-$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU ' || true)}
if [[ $GPUS == 0 && ($label == 1.5b || $label == 8b) ]]; then
    [[ -n $dry_run ]] || fail "no GPU for $preset here; set GPUS, or look at it with --dry-run"
    GPUS=8
fi

# On a fresh clone: install everything, start the engine, build the sandbox's image. Elsewhere the commands are on PATH.
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -f $root/Makefile && -z $dry_run && $NODE_RANK == 0 ]]; then
    make --no-print-directory -C "$root" .venv/.ready-all image
fi
[[ -d $root/.venv/bin ]] && PATH=$root/.venv/bin:$PATH
command -v pretrain >/dev/null || fail "no pretrain command; pip install 'opencook[local,train]'"

# How much of everything else a preset asks for. The model's own numbers are in its YAML file.
case $label in
    smoke) corpus=(--packages 8) broad=(--rows 40) rows=2 fim=0.5 sft=(--preset scratch --max-steps 8) problems=(--limit 4) ;;
    tiny) corpus=() broad=() rows=24 fim=0.1 sft=(--preset scratch) problems=() ;;
    *) corpus=() broad=() rows=100000 fim=0.5 sft=(--preset full) problems=() ;;
esac
if [[ $label == smoke || $label == tiny || $GPUS == 0 ]]; then
    trainer=(pretrain)
else
    # FSDP2 shards over every GPU of every node; a global batch of 1,024 sequences must divide by their number.
    trainer=(torchrun --nnodes "$NNODES" --nproc-per-node "$GPUS" --rdzv-backend c10d
             --rdzv-endpoint "$HEAD:$PORT" -m pretrain.cli)
fi

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
started=$SECONDS
trap 'exit 143' TERM # once the step's command, which Slurm signals too, has saved and left; without a trap at once
# step NAME COMMAND...: run it unless runs/NAME is finished, which its manifest says. Node 0 works, the others wait.
step() { work head "$@"; }
everywhere() { work all "$@"; }
work() {
    local who=$1 stage=$2 manifest=$run/$2/manifest.json clock=$SECONDS code=0; shift 2
    say "[$stage] $(printf '%q ' "$@")"
    [[ -n $dry_run ]] && return
    if finished "$manifest"; then echo "finished before; skipped" >&2; return; fi
    if [[ $who == head && $NODE_RANK != 0 ]]; then
        until finished "$manifest"; do sleep 5; done
        return
    fi
    "$@" || code=$?
    [[ $code == 0 ]] || { echo "launch.sh: [$stage] failed with $code; mend it, start this again" >&2; exit "$code"; }
    [[ $NODE_RANK != 0 || -f $manifest ]] || echo '{"status": "done"}' > "$manifest" # pip leaves none
    echo "[$stage] done in $((SECONDS - clock)) s, $(((SECONDS - started) / 60)) min in all" >&2
}
# A manifest appears when its step ends, but for fine-tuning's, which says so itself.
finished() { [[ -f $1 ]] && ! grep -Eq '"status": "(running|failed|interrupted)"' "$1"; }

say "The plan for $preset on $NNODES node(s)"
pretrain plan --preset "$preset" --nodes "$NNODES" --gpus-per-node "$((GPUS ? GPUS : 8))" ${dry_run:+--dry-run}

# 1. Raw code of real packages -> a corpus: types and sizes checked, duplicates, bad files and HumanEval out; some
#    packages are held out, to be measured on.
step corpus pretrain data "${sources[@]}" "${corpus[@]}" --out "$run/corpus"

# 2. A byte-level BPE tokenizer on that corpus, with FIM and chat tokens; its size is the preset's.
step tokenizer pretrain tokenizer --data "$run/corpus" --preset "$preset" --out "$run/tokenizer"

# 3. The corpus as token shards in Megatron's format; some documents are cut to be filled in the middle.
step shards pretrain pack --data "$run/corpus" --tokenizer "$run/tokenizer" --fim-rate "$fim" --out "$run/shards"

# 4. Pretraining: warm-up, then a constant learning rate. Kill it, run again: it goes on to the very same weights.
everywhere pretrain "${trainer[@]}" train --preset "$preset" --shards "$run/shards" --tokenizer "$run/tokenizer" \
    --out "$run/pretrain"

# 5. Synthetic rows. Broad ones ask nobody: documented functions, run on their own examples. Precise ones are written by
#    the teacher and solved again from the instruction alone. Both run in the sandbox.
step synth/starter synth generate --recipe docstring --seeds starter "${broad[@]}" --out "$run/synth/starter"
step synth/packages python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
    --target "$run/synth/packages" \
    more-itertools==10.8.0 boltons==26.2.0 toolz==1.2.0 pydash==8.1.0
step synth/library env PYTHONPATH="$run/synth/packages" synth generate --recipe docstring "${broad[@]}" \
    --seeds doctest:more-itertools,boltons,toolz,pydash --out "$run/synth/library"
step synth/educational synth generate --recipe educational --teacher "$teacher" --rows "$rows" \
    --out "$run/synth/educational"

# 6. Annealing: a branch from the stable checkpoint, optimizer kept, learning rate down, synthetic rows in the mixture.
step synth/shards pretrain pack --data "synth-starter=$run/synth/starter/export" \
    --data "synth-library=$run/synth/library/export" --data "synth-educational=$run/synth/educational/export" \
    --tokenizer "$run/tokenizer" --out "$run/synth/shards"
everywhere anneal "${trainer[@]}" anneal --from "$run/pretrain" --preset "$preset" --shards "$run/shards" \
    --shards "$run/synth/shards" --out "$run/anneal"

# 7. The base model, as a Hugging Face folder.
step base pretrain export "$run/anneal" --out "$run/base"

# 8. Two-stage supervised fine-tuning: broad rows, then the ones that were verified by a round trip. One process.
step stage1 finetune stage1 "${sft[@]}" --model "$run/base" --data "$run/synth/starter/export" \
    --data "$run/synth/library/export" --out "$run/stage1"
step stage2 finetune stage2 "${sft[@]}" --model "$run/stage1" --data "$run/synth/educational/export" \
    --out "$run/stage2"

# 9. What was learnt: bits per byte against an untrained model, an n-gram and zlib; then HumanEval as base and as chat.
step eval pretrain eval "$run/base" --shards "$run/shards" --baseline --benchmark humaneval "${problems[@]}" \
    --out "$run/eval"
for stage in base stage2; do
    step "eval/chat-$stage" finetune eval --benchmark humaneval --mode chat --model "$run/$stage" "${problems[@]}" \
        --out "$run/eval/chat-$stage"
done

# 10. A word with the model, and one page about it all.
[[ -n $dry_run || $NODE_RANK != 0 ]] && exit
question='Write a Python function that returns the sum of two numbers.'
say "finetune chat --model $run/stage2 --prompt '$question'"
finetune chat --model "$run/stage2" --max-new-tokens 128 --prompt "$question" | tee "$run/chat.txt"
say "pretrain report $run"
pretrain report "$run"
