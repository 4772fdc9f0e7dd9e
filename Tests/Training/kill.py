"""Kills `segmentd train` at random moments and fills its disk; fails where it does not end as if nothing had happened."""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import Watched  # noqa: E402
from option_types import positive  # noqa: E402
from program import call  # noqa: E402
from small_disk import enlarge, small_disk  # noqa: E402

# Iterations from one checkpoint to the next.
EVERY = 2
# Iterations from one evaluation to the next; a multiple of EVERY.
EVALUATION = 4
# Nothing that a training is waited for takes so long, seconds.
PATIENCE = 300
# A network of little work whose checkpoint is large, so that many kills meet one that is being written.
MODEL = {
    "transform": {"min_size": 64, "max_size": 96},
    "backbone": {"block": "basic", "layers": [1, 1, 1, 1], "stem_width": 8, "widths": [8, 16, 16, 16]},
    "pyramid": {"channels": 16}, "proposals": {"anchor_sizes": [8, 16, 32, 64, 128]},
    "box_head": {"fully_connected": [1024, 1024]}, "mask_head": {"convolutions": [16], "hidden": 16},
}


def configuration(folder, output, iterations, keep):
    """Writes a configuration with all that a checkpoint has to know of; returns its path."""
    path = folder / f"{output.name}.yaml"
    path.write_text(f"""\
model: {folder}/model.json
train: {{annotations: {folder}/data/annotations.json, images: {folder}/data/images}}
validation: {{annotations: {folder}/validation.json, images: {folder}/data/images}}
evaluate_every: {EVALUATION}
output: {output}
iterations: {iterations}
batch: 2
accumulate: 2
clip: 5
ema: 0.9
sampling: {{anchors: 32, regions: 16, pre_nms: 60, post_nms: 30}}
augment: {{scales: [48, 64], brightness: 0.2, hue: 0.1}}
checkpoint_every: {EVERY}
keep: {keep}
log_every: 1
threads: 2
""")
    return path


def checkpoints(folder):
    """The checkpoints that have their names, by iteration."""
    return {int(path.stem.removeprefix("checkpoint-")): path for path in folder.glob("checkpoint-*.safetensors")}


def unfinished(folder):
    return list(folder.glob(".*.part"))


class Training(Watched):
    """A running `segmentd train`, whose messages go to a file; goes on where there is a checkpoint."""

    # As long as the writing of a checkpoint may take, or less.
    pause = 0.0005

    def __init__(self, options, config, output, log):
        self.start = max(checkpoints(output), default=0)
        resume = ["--resume"] if self.start else []
        with open(log, "wb") as messages:
            process = subprocess.Popen(
                [options.segmentd, "train", "--config", config, *resume], stdin=subprocess.DEVNULL, stderr=messages)
        super().__init__(process, log, PATIENCE)

    def steps(self):
        """Iterations that this process has done; the log in the folder may still tell of what will be done again."""
        return sum("/" in line.split(",")[0] and ", loss " in line for line in self.messages().splitlines())

    def kill(self):
        super().kill()
        self.check_start()

    def finish(self, status=0):
        super().finish(status)
        self.check_start()

    def check_start(self):
        """Fails where it went on from elsewhere than the newest checkpoint; it may have been killed before it said so."""
        said = [line for line in self.messages().splitlines() if line.startswith("going on after iteration ")]
        if bool(said) > (self.start > 0) or said and not said[0].startswith(f"going on after iteration {self.start},"):
            sys.exit(f"the newest checkpoint was of iteration {self.start}:\n{self.messages()}")


def check_checkpoints(found, expected, what):
    """Fails where a file under a checkpoint's name is not, to the last bit, that of the unbroken run."""
    for iteration, path in checkpoints(found).items():
        if path.read_bytes() != checkpoints(expected)[iteration].read_bytes():
            sys.exit(f"{what}: {path.name} is not that of the unbroken run")


def check_end(found, expected, iterations, what):
    """Fails where a finished run differs from the unbroken one."""
    check_checkpoints(found, expected, what)
    if max(checkpoints(found)) != iterations:
        sys.exit(f"{what}: the last checkpoint is of iteration {max(checkpoints(found))}")
    if (found / "model.safetensors").read_bytes() != (expected / "model.safetensors").read_bytes():
        sys.exit(f"{what}: the model is not that of the unbroken run")
    if unfinished(found):
        sys.exit(f"{what}: files were left behind: {unfinished(found)}")
    logs = []
    for folder in (found, expected):
        entries = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        # Speed is another every time.
        logs.append([{key: value for key, value in entry.items() if key != "images_per_second"} for entry in entries])
    if logs[0] != logs[1] or sum("loss" in entry for entry in logs[0]) != iterations:
        sys.exit(f"{what}: the log is not that of the unbroken run: {len(logs[0])} entries")
    if sum("mask_ap" in entry for entry in logs[0]) < iterations // EVALUATION:
        sys.exit(f"{what}: evaluations are missing")


def lacks_evaluation(folder):
    """Whether a killed training has not evaluated the newest checkpoint, which is one to evaluate."""
    newest = max(checkpoints(folder), default=0)
    if newest == 0 or newest % EVALUATION:
        return False
    # The last line may be cut off; it is none of an evaluation then.
    lines = (folder / "metrics.jsonl").read_text().split("\n")[:-1]
    return not any(entry["iteration"] == newest and "mask_ap" in entry for entry in map(json.loads, lines))


def check_kills(options, folder, unbroken):
    generator = random.Random(options.seed)
    output, log = folder / "killed", folder / "killed.log"
    output.mkdir()
    config = configuration(folder, output, options.iterations, keep=3)
    cut = met = 0
    for kill in range(1, options.kills + 1):
        training = Training(options, config, output, log)
        # Every other one is killed while a checkpoint is written, one of four in an evaluation, the others anywhere, the start included.
        wanted = generator.randint(1, max(1, options.iterations // options.kills - EVERY))
        if kill % 2 == 0:
            # Files of the kill before are there until the first step; they do not count.
            left = {path.name for path in unfinished(output)}
            training.wait_for("a step", lambda: training.steps() >= wanted)
            training.wait_for(
                "a checkpoint is written",
                lambda: any(path.name.startswith(".checkpoint-") and path.name not in left for path in unfinished(output)))
            time.sleep(generator.uniform(0, 0.005))
            moment = "in a checkpoint"
        elif kill % 4 == 1:
            training.wait_for(
                "a checkpoint to evaluate",
                lambda: any(done > training.start and done % EVALUATION == 0 for done in checkpoints(output)))
            time.sleep(generator.uniform(0, 0.05))
            moment = "in an evaluation"
        elif generator.random() < 0.3:
            delay = generator.uniform(0, 0.5)
            time.sleep(delay)
            moment = f"after {delay:.2f} s"
        else:
            training.wait_for("a step", lambda: training.steps() >= wanted)
            time.sleep(generator.uniform(0, 0.2))
            moment = "after a step"
        training.kill()
        cut += bool(unfinished(output))
        met += lacks_evaluation(output)
        check_checkpoints(output, unbroken, f"kill {kill}")
        print(f"kill {kill:2} {moment}: began at {training.start}, newest checkpoint "
              f"{max(checkpoints(output), default=0)}, {len(unfinished(output))} files cut", flush=True)
    training = Training(options, config, output, log)
    training.finish()
    check_end(output, unbroken, options.iterations, "after all kills")
    print(f"{options.kills} kills, {cut} of them while a file was written, {met} before an evaluation was done: "
          "the weights are those of the unbroken run")


def check_full_disk(options, folder, unbroken):
    """Trains into a disk that fills up, then into the same with more room."""
    size = checkpoints(unbroken)[options.iterations].stat().st_size
    model = (unbroken / "model.safetensors").stat().st_size
    # Room for two checkpoints, the old and the new model, and a half of a third checkpoint.
    with small_disk(folder / "small", 5 * size // 2 + 2 * model) as disk:
        if disk is None:
            print("the full disk was not tried: only root can mount a small file system")
            return
        log = folder / "full.log"
        config = configuration(folder, disk, options.iterations, keep=1000)
        training = Training(options, config, disk, log)
        training.finish(status=1)
        if "the disk is full" not in training.messages().splitlines()[-1]:
            sys.exit(f"the message is not of a full disk:\n{training.messages()}")
        check_checkpoints(disk, unbroken, "on the full disk")
        newest = max(checkpoints(disk), default=0)
        if newest == 0 or unfinished(disk):
            sys.exit(f"on the full disk: the newest checkpoint is of {newest}, unfinished are {unfinished(disk)}")
        enlarge(disk, size * (options.iterations + 10))
        Training(options, config, disk, log).finish()
        check_end(disk, unbroken, options.iterations, "after the full disk")
        print(f"full disk: stays with the checkpoint of iteration {newest}, and goes on to the same weights with more room")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--kills", type=positive, default=10, help="how often the training is killed")
    parser.add_argument("--iterations", type=positive, default=80, help="of the training; several for each kill")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments; random if not given")
    options = parser.parse_args()
    if options.iterations % EVERY or options.iterations < 5 * EVERY:
        parser.error(f"--iterations has to be a multiple of {EVERY}, and {5 * EVERY} at least")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "model.json").write_text(json.dumps(MODEL))
        call(options.segmentd, "synthesize", "--output", folder / "data", "--images", 8, "--size", "96x64", "--quiet")
        # Another name, since a training warns where it is evaluated on its own pictures.
        shutil.copy(folder / "data/annotations.json", folder / "validation.json")
        unbroken = folder / "unbroken"
        unbroken.mkdir()
        config = configuration(folder, unbroken, options.iterations, keep=1000)
        Training(options, config, unbroken, folder / "unbroken.log").finish()
        check_kills(options, folder, unbroken)
        check_full_disk(options, folder, unbroken)


if __name__ == "__main__":
    main()
