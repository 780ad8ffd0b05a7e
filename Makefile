# `make` rebuilds every number, table and figure; `make help` lists the rest.
.DEFAULT_GOAL := repro
.PHONY: help repro back experiments mend compare predict notebook test test-unit test-long lint ui promote serve queue study bench lock clean
PYTHON ?= python3
JOBS ?= 2
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := true
# DVC asks for a name, which a user of a container may not have
export USER ?= $(shell id -u)
export MLFLOW_DISABLE_TELEMETRY := true
# where there is no home, Matplotlib cannot keep its list of fonts and warns in every stage, and Jupyter does not start
ifneq ($(shell [ -w "$$HOME" ] && echo yes),yes)
export MPLCONFIGDIR ?= $(CURDIR)/.venv/matplotlib
export JUPYTER_CONFIG_DIR ?= $(CURDIR)/notebooks/.venv/jupyter
export JUPYTER_DATA_DIR ?= $(CURDIR)/notebooks/.venv/jupyter
export IPYTHONDIR ?= $(CURDIR)/notebooks/.venv/jupyter
endif

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

repro: .venv/complete ## rebuild what changed: data, network, figures, page, tracked run
	@echo "make repro: dvc repro, every stage whose inputs changed"
	@python -m pipeline.commands.mend
	@python -m pipeline.commands.guard
	@dvc repro
	@if git diff --quiet HEAD -- params.yaml dvc.yaml pipeline 2>/dev/null && ! git diff --quiet HEAD -- dvc.lock; then \
		echo "make: this machine's results differ from the committed ones in the last digits (no AVX2? docs/same_bytes.md)." \
			"Before your first experiment: git commit -am baseline"; fi
	@echo "The page: report/index.html. The runs: make ui."

experiments: .venv/complete ## list the experiments: what came of each, and the settings in which they differ
	@echo "make experiments: dvc exp show, but for most of its columns"
	@dvc exp show --only-changed --drop '^(?!Experiment|test_accuracy$$|\w+\.(?!yaml))'

back: .venv/complete ## go back to the committed settings and results, if DVC's cache has them
	@echo "make back: params.yaml, dvc.lock and the results as they were committed"
	@python -m pipeline.commands.back

compare: .venv/complete ## compare two runs on a page: A=main B=workspace, each a revision, an experiment, an MLflow run or workspace
	@echo "make compare: $(or $(A),HEAD) and $(or $(B),workspace), side by side"
	@python -m pipeline.commands.compare '$(or $(A),HEAD)' '$(or $(B),workspace)'

predict: .venv/complete ## ask the network what a picture shows, a photo of a digit too: PICTURE=seven.png
	@echo "make predict: the present network's answer, in some seconds"
	@PICTURE='$(subst ','\'',$(PICTURE))' && python -m pipeline.commands.predict $(if $(PICTURE),-- "$$PICTURE")

mend: .venv/complete ## mend what a kill or a move left behind; make repro and make queue do it too
	@echo "make mend: DVC's .dvc/tmp/rwlock and dvc.lock, and the places of files in mlflow.db"
	@python -m pipeline.commands.mend

test: .venv/complete ## run every test, the slow ones on real MNIST too
	@echo "make test: the whole suite"
	@python -m pytest --numprocesses 2 --dist loadfile

test-unit: .venv/complete ## run the tests that take seconds
	@echo "make test-unit: all but the tests marked slow"
	@python -m pytest --numprocesses 2 --dist loadfile -m "not slow"

test-long: .venv/complete ## kill pipeline and training thirty times each at random moments, not four times as `make test`
	@echo "make test-long: sixty kills, some twenty minutes"
	@KILLS=30 python -m pytest tests/test_pipeline.py tests/test_train.py -k killed_at_random

lint: .venv/complete ## check format, lint and types
	@echo "make lint: ruff format, ruff check, mypy"
	@ruff format --check . && ruff check . && mypy

ui: .venv/complete ## open the MLflow UI on this project's runs: PORT=5001, HOST=0.0.0.0 for the network
	@echo "make ui: the MLflow UI, in some seconds at the address below; Ctrl-C ends it"
	@python -m pipeline.commands.ui $(if $(PORT),--port $(PORT)) $(if $(HOST),--host $(HOST))

notebook: .venv/complete notebooks/.venv/complete ## open the article as a notebook, in JupyterLab: PORT=8889, HOST=0.0.0.0 for the network
	@echo "make notebook: JupyterLab, in some seconds in your browser or at an address below; Ctrl-C ends it"
	@JUPYTER_PATH="$(CURDIR)/notebooks/.venv/share/jupyter" python -m ipykernel install --prefix notebooks/.venv >/dev/null
	@notebooks/.venv/bin/jupyter-lab -y --allow-root --notebook-dir . --LabApp.default_url /lab/tree/notebooks/article.ipynb \
		$(if $(PORT),--port $(PORT)) $(if $(HOST),--ip $(HOST))

promote: .venv/complete ## make a run's model the champion if it is not worse: RUN=<id>, or latest; FORCE=1 does not ask
	@echo "make promote: the model of run $(RUN) against the champion, on validation images"
	@python -m pipeline.commands.promote $(RUN) $(if $(FORCE),--force)

serve: .venv/complete ## serve the champion, or else the newest model, over HTTP: PORT=5001
	@echo "make serve: the model, in some seconds; Ctrl-C ends it"
	@python -m pipeline.commands.serve $(if $(PORT),--port $(PORT))

queue: .venv/complete ## run what `dvc exp run --queue` put off, JOBS=2 at a time
	@echo "make queue: the queued experiments, $(JOBS) at a time"
	@python -m pipeline.commands.mend
	@python -m pipeline.commands.queue --jobs $(JOBS)

study: .venv/complete ## answer a question of studies/ by many trials: NAME=dropout, or all; SEEDS=30, SCHEDULER=tcp://...
	@echo "make study: the trials that were not made yet, then verdicts and pages"
	@$(if $(SCHEDULER),DASK_SCHEDULER_ADDRESS=$(SCHEDULER)) python -m pipeline.commands.study $(NAME) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FORCE),--force)

bench: .venv/complete ## time the pipeline against its peers; ONLY=cold runs one part
	@echo "make bench: about seventy minutes in all; figures in benchmarks/README.md"
	@python -m benchmarks $(ONLY)

COMPILE := uv pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-header

lock: .venv/complete ## write requirements.lock, and that of the notebook, anew from pyproject.toml
	@echo "make lock: newest versions that pyproject.toml allows, with hashes"
	@$(COMPILE) --group dev pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group notebook --output-file notebooks/requirements.lock

clean: ## remove the environments and what the pipeline made; your own files, git and DVC's cache stay
	@echo "make clean: what the pipeline made, .venv and notebooks/.venv"
	@.venv/bin/python -m pipeline.commands.clean || echo "make clean: without the environment, outputs are left as they are"
	@rm -rf .venv notebooks/.venv

# The scripts hold the path of their environment, so one that was moved, or copied with the project, is made anew.
ifneq ($(shell cat .venv/complete 2>/dev/null),$(CURDIR))
.PHONY: .venv/complete
endif
ifneq ($(shell cat notebooks/.venv/complete 2>/dev/null),$(CURDIR))
.PHONY: notebooks/.venv/complete
endif
.venv/complete: requirements.lock
	@bash environment.sh $(PYTHON)

# JupyterLab alone: the notebook's kernel is that of .venv
notebooks/.venv/complete: notebooks/requirements.lock | .venv/complete
	@bash environment.sh $(PYTHON) notebooks/.venv notebooks/requirements.lock "0.1 GB to download, 0.3 GB on disk"
	@notebooks/.venv/bin/jupyter-labextension disable --log-level ERROR --level sys_prefix @jupyterlab/apputils-extension:announcements
