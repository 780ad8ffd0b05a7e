"""Training that was killed goes on after its last finished epoch, and ends in the same bytes as one that was not.

Keras's own BackupAndRestore brings weights and optimiser back, but neither early stopping's memory nor the curves
(https://github.com/keras-team/keras/issues/19389).
"""

from typing import Any

from pipeline.data.checkpoints import Arrays, Checkpoint
from pipeline.network.backend import keras, tf

# An epoch may end with a wait as long as the epoch: tf.data's autotuning looks for its end before it is set
# (CancellationManager::StartCancel calls back first), and then sleeps for its period of 10 ms to a minute. There is
# nothing to tune here.
WITHOUT_AUTOTUNING = tf.data.Options()
WITHOUT_AUTOTUNING.autotune.enabled = False
MEMORY = ("wait", "best", "best_epoch")  # of keras.callbacks.EarlyStopping, beside its best weights


class ContinuedLearner:
    """A learner whose `fit` leaves out the epochs that a checkpoint holds, and writes one after every epoch.

    `run` names this execution; `first` names the one that began. `curves` holds the epochs that are left out.
    """

    def __init__(self, learner: keras.Model, checkpoint: Checkpoint, run: str) -> None:
        self.learner = learner
        self.network = learner.network
        self.checkpoint = checkpoint
        learner.optimizer.build(learner.trainable_variables)
        self.state, self.arrays = checkpoint.read() or ({"first": run, "curves": {}}, {})
        self.first: str = self.state["first"]
        self.curves: dict[str, list[float]] = self.state["curves"]

    @property
    def epochs(self) -> int:
        """How many epochs are left out."""
        return len(self.curves.get("loss", []))

    def fit(self, data: tf.data.Dataset, callbacks: list[keras.callbacks.Callback], **settings: Any) -> Any:
        """Train as Keras's `fit` does with the same arguments; return its History, of all epochs."""
        data = data.with_options(WITHOUT_AUTOTUNING)
        keeper = _Keeper(self, next((one for one in callbacks if isinstance(one, keras.callbacks.EarlyStopping)), None))
        return self.learner.fit(data, callbacks=[*callbacks, keeper], initial_epoch=self.epochs, **settings)


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Restores a learner before its first epoch, and keeps it after each; it comes after all other callbacks."""

    def __init__(self, continued: ContinuedLearner, stopping: keras.callbacks.EarlyStopping | None) -> None:
        super().__init__()
        self.continued = continued
        self.stopping = stopping

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Bring back what the last finished epoch left, early stopping's memory too, which is empty by now."""
        state, arrays = self.continued.state, self.continued.arrays
        if not arrays:
            return
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        if self.stopping:
            for name in MEMORY:
                setattr(self.stopping, name, state["stopping"][name])
            self.stopping.best_weights = [arrays[name] for name in arrays if name.startswith("best/")]
        self.model.history.history = {name: list(values) for name, values in state["curves"].items()}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write what the epoch left; not after the last one, since there is then nothing to go on with."""
        curves = self.continued.curves
        for name, value in logs.items():
            curves.setdefault(name, []).append(float(value))
        if self.model.stop_training or epoch + 1 == self.params["epochs"]:
            return
        state = {"first": self.continued.first, "curves": curves}
        arrays: Arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        if self.stopping:
            state["stopping"] = {name: getattr(self.stopping, name) for name in MEMORY}
            arrays |= {f"best/{number:03d}": weights for number, weights in enumerate(self.stopping.best_weights)}
        self.continued.checkpoint.write(state, arrays)

    def _variables(self) -> dict[str, Any]:
        """Return all that training changes: weights, statistics and random states, and the optimiser's variables."""
        variables = [*self.continued.network.variables, *self.continued.learner.optimizer.variables]
        return {f"variable/{number:03d}": variable for number, variable in enumerate(variables)}
