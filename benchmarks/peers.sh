#!/usr/bin/env bash
# Other packages, each family in an environment of its own, with pinned versions; nothing of it
# enters what trueup depends on. A package that cannot be installed or imported is written down in
# broken.txt with its last words, and the benchmarks leave its column empty.
#
#   peers.sh          every environment
#   peers.sh NAME ... those alone
#
# TRUEUP_PEERS chooses the folder (default build/peers), PYTHON the interpreter.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${TRUEUP_PEERS:-$root/build/peers}
python=${PYTHON:-$root/.venv/bin/python}
limit=${TRUEUP_PEERS_LIMIT:-900}
wanted=" $* "
mkdir -p "$folder"
touch "$folder/broken.txt"

# asked NAME: whether this environment is to be made; forgets how it broke before
asked() {
  [ "$wanted" = "  " ] || [[ $wanted == *" $1 "* ]] || return 1
  sed -i "/^$1: /d" "$folder/broken.txt"
}

# environment NAME IMPORTS REQUIREMENT...: make it, or say how it broke
environment() {
  local name=$1 imports=$2
  shift 2
  asked "$name" || return 0
  local bin=$folder/$name/bin
  if [ -x "$bin/python" ] && "$bin/python" -c "import $imports" 2>/dev/null; then
    echo "$name: already here"
    return
  fi
  if [ -f "$folder/$name/broken" ]; then
    tee -a "$folder/broken.txt" <"$folder/$name/broken"
    return
  fi
  rm -rf "${folder:?}/$name"
  "$python" -m venv "$folder/$name"
  {
    timeout "$limit" "$bin/python" -m pip install --quiet "$@" &&
      "$bin/python" -c "import $imports"
  } >"$folder/$name.log" 2>&1
  local code=$?
  if [ $code = 0 ]; then
    echo "$name: installed"
  else
    last_words "$name" | tee "$folder/$name/broken" | tee -a "$folder/broken.txt"
  fi
}

last_words() {
  echo "$1: $(grep -v '^\s*$' "$folder/$1.log" | tail -n 1 | cut -c 1-300)"
}

environment science "sklearn, scipy, model_diagnostics, pyarrow" \
  numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 model-diagnostics==1.5.0 polars==2.1.0 \
  pyarrow==26.0.1

environment evidently "evidently, pyarrow" "evidently==0.7.23" "pandas<3" pyarrow==26.0.1

# torch first and pinned: left to itself, pip would fetch a build with gigabytes of CUDA.
environment torch torch torch==2.13.0 numpy==2.4.6 pyarrow==26.0.1
if asked torch && [ -x "$folder/torch/bin/python" ]; then
  for peer in torchmetrics==1.9.0 netcal==1.4.0; do
    name=${peer%%==*}
    asked torch && sed -i "/^$name: /d" "$folder/broken.txt"
    if "$folder/torch/bin/python" -c "import $name" 2>/dev/null; then continue; fi
    if ! timeout "$limit" "$folder/torch/bin/python" -m pip install --quiet torch==2.13.0 \
      "$peer" >"$folder/$name.log" 2>&1 ||
      ! "$folder/torch/bin/python" -c "import $name" >>"$folder/$name.log" 2>&1; then
      last_words "$name" | tee -a "$folder/broken.txt"
    fi
  done
fi

environment probmetrics "probmetrics.calibrators" \
  torch==2.13.0 numpy==2.4.6 numba==0.68.1 probmetrics==1.3.0

environment mapie mapie numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 mapie==1.6.0
environment crepes crepes numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 crepes==0.9.1
environment puncc "deel.puncc" numpy==1.26.4 scipy==1.17.1 scikit-learn==1.9.1 puncc==0.9.3

# TorchCP imports torchsort, which wants a compiler for CUDA to be installed; the tasks measured here
# do not use it, so that a module of its name that does nothing stands in for it.
environment torchcp torch torch==2.13.0 torchvision==0.28.0 numpy==2.4.6 scipy==1.17.1 \
  scikit-learn==1.9.1 torch-geometric==2.8.1 transformers==5.23.0 tqdm==4.70.1
if asked torchcp && [ -x "$folder/torchcp/bin/python" ]; then
  in_torchcp=$folder/torchcp/bin/python
  site=$("$in_torchcp" -c "import sysconfig; print(sysconfig.get_paths()['purelib'])")
  printf 'def soft_rank(*_, **__):\n    raise NotImplementedError\n\n\nsoft_sort = soft_rank\n' \
    >"$site/torchsort.py"
  if ! "$in_torchcp" -m pip install --quiet --no-deps torchcp==1.2.1 >"$folder/torchcp.log" 2>&1 ||
    ! "$in_torchcp" -c "import torchcp.classification.score" >>"$folder/torchcp.log" 2>&1; then
    last_words torchcp | tee -a "$folder/broken.txt"
  fi
fi

environment relplot relplot numpy==2.4.6 scipy==1.17.1 relplot==1.0.3
environment vennabers venn_abers numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 venn-abers==1.5.4

# Scores of forecasts: a package an environment, as their needs of numpy and xarray differ.
environment scoringrules scoringrules numpy==2.4.6 numba==0.68.1 scoringrules==0.10.0
environment scores scores.probability numpy==2.4.6 scipy==1.17.1 scores==2.7.0
environment xskillscore xskillscore numpy==2.4.6 xskillscore==0.0.29
environment properscoring properscoring "numpy<2" scipy numba properscoring==0.1
environment uncertaintytoolbox uncertainty_toolbox numpy==2.4.6 scipy==1.17.1 \
  uncertainty-toolbox==0.1.1

environment nannyml "nannyml" nannyml==0.13.1
environment deepchecks "deepchecks.tabular" deepchecks==0.19.1

# Filters of ensembles; brings a whole notebook with it.
environment dapper "dapper.da_methods" dapper==1.7.1 numpy==2.4.6 scipy==1.17.1
environment pysindy pysindy numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pysindy==2.1.0

# Merging of checkpoints; torch pinned first, see above.
environment mergekit "mergekit, safetensors.torch" torch==2.13.0 numpy==2.4.6 mergekit==0.1.5
