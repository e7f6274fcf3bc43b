"""Dataflow's job, built by the real command line without Google's machines: its steps, its environment, and no key in it."""

from __future__ import annotations

import base64
import binascii
import bz2
import sys
import types
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from beam.deid import run
from beam.shards import Worker
from tests.conftest import ROOT
from tfdeid import DeidError, Key

# Needs `pip install -e '.[gcp]'`.
apiclient = pytest.importorskip("apache_beam.runners.dataflow.internal.apiclient", exc_type=ImportError)

from apache_beam.internal import pickler  # noqa: E402
from apache_beam.portability import common_urns  # noqa: E402
from apache_beam.portability.api import beam_runner_api_pb2  # noqa: E402
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner  # noqa: E402

SECRET = "projects/p/secrets/s/versions/1"
STEPS = ["ShardTasks", "SpreadOverWorkers", "WriteShard", "AwaitAllShards", "FinishDataset"]
CLOUD = ("--runner=DataflowRunner", "--project=my-project", "--region=us-central1", "--temp_location=gs://bucket/tmp")


@pytest.fixture
def secret(monkeypatch):
    """Puts a new key into a fake Secret Manager; returns the key, with the names that were asked for in `asked`."""
    key, asked = Key.generate(), []

    class Client:
        def access_secret_version(self, name: str) -> Any:
            asked.append(name)
            if name != SECRET:
                raise PermissionError("denied")
            return types.SimpleNamespace(payload=types.SimpleNamespace(data=key.material + b"\n"))

    import google.cloud

    fake = types.SimpleNamespace(SecretManagerServiceClient=Client)
    monkeypatch.setitem(sys.modules, "google.cloud.secretmanager", fake)
    monkeypatch.setattr(google.cloud, "secretmanager", fake, raising=False)
    return types.SimpleNamespace(key=key, asked=asked)


@pytest.fixture
def launch(storage, sample, secret, monkeypatch):
    """Returns a function that builds the job for a dataset in gs://bucket/tfds and returns Dataflow's description of it."""
    storage.put(sample, "gs://bucket/tfds")
    jobs = []
    run_pipeline = DataflowRunner.run_pipeline

    def remember(self: Any, *arguments: Any, **options: Any) -> Any:
        result = run_pipeline(self, *arguments, **options)
        jobs.append(self.job)
        return result

    monkeypatch.setattr(DataflowRunner, "run_pipeline", remember)
    monkeypatch.chdir(ROOT)

    def call(*options: str, key: str = f"gcp-secret:{SECRET}", dry: bool = True) -> Any:
        places = ["--dataset=lfw_subset_deid", "--data_dir=gs://bucket/tfds", "--output_dir=gs://bucket/out"]
        described = ["--no_auth", "--dry_run=True"] if dry else []
        assert run([*CLOUD, *described, *places, "--num_shards=4", f"--key={key}", *options]) == 0
        return jobs[-1]

    return call


@pytest.fixture
def job(launch):
    return launch("--sdk_container_image=example/worker:1")


def test_it_is_described_and_not_run(launch, storage, capsys):
    launch("--sdk_container_image=example/worker:1")
    assert "8 of 8 shards of gs://bucket/out/" in capsys.readouterr().out
    assert not [name for name in storage.files("gs://bucket/out") if not name.endswith("/")]


def test_a_description_changes_nothing(launch, sample, storage):
    import tensorflow as tf

    storage.put(sample / "lfw_subset_deid", "gs://bucket/out/lfw_subset_deid")
    folder = storage.real("gs://bucket/out/lfw_subset_deid/structural_50_224/1.0.0")
    before = sorted(tf.io.gfile.listdir(folder))
    launch("--mode=overwrite", "--sdk_container_image=example/worker:1")
    assert sorted(tf.io.gfile.listdir(folder)) == before and "features.json" in before


def labels(job: Any) -> list[str]:
    return [transform.unique_name for transform in job.proto_pipeline.components.transforms.values()]


def steps(job: Any) -> list[str]:
    """Returns the labels of the steps at the top, in their order."""
    graph = job.proto_pipeline
    (root,) = graph.root_transform_ids
    return [graph.components.transforms[name].unique_name for name in graph.components.transforms[root].subtransforms]


def test_its_steps(job, launch):
    assert steps(job) == STEPS
    another = launch("--scheme=plain", "--limit=3", "--num_shards=1", "--grayscale", "--sdk_container_image=example/worker:2")
    assert sorted(labels(another)) == sorted(labels(job)), "updates and metrics find a step by its label"


def environments(job: Any) -> list[Any]:
    """Returns the environments of the workers that run our own steps."""
    components = job.proto_pipeline.components
    used = {transform.environment_id for transform in components.transforms.values() if transform.environment_id}
    return [components.environments[name] for name in used]


def image(environment: Any) -> str:
    assert environment.urn == common_urns.environments.DOCKER.urn
    return beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image


def test_its_environment_is_the_image_that_is_named(job):
    assert [image(environment) for environment in environments(job)] == ["example/worker:1"]
    names = [staged_name(artifact) for environment in environments(job) for artifact in environment.dependencies]
    assert "workflow.tar.gz" not in names


def test_its_environment_is_made_by_setup_py(launch):
    (environment,) = environments(launch("--setup_file=./setup.py"))
    assert "beam_python3" in image(environment)
    assert "workflow.tar.gz" in [staged_name(artifact) for artifact in environment.dependencies], "our package goes along"


def staged_name(artifact: Any) -> str:
    return beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(artifact.role_payload).staged_name


def unpacked(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """Yields bytes, and what is left of them when they are unpacked in the ways that Beam packs things."""
    yield data
    if depth:
        for unpack in (bz2.decompress, zlib.decompress, base64.b64decode, lambda text: base64.b64decode(text, validate=True)):
            try:
                inner = unpack(data)
            except (ValueError, OSError, zlib.error):
                continue
            if inner:
                yield from unpacked(inner, depth - 1)


def payloads(message: Any) -> Iterator[bytes]:
    """Yields all bytes and texts in a protobuf message, unpacked; payloads that are messages themselves are opened."""
    for transform in message.components.transforms.values():
        if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
            yield from unpacked(beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload).do_fn.payload)
    stack = [message]
    while stack:
        for field, value in stack.pop().ListFields():
            values = list(value.values()) if hasattr(value, "values") else value if field.is_repeated else [value]
            for item in values:
                if hasattr(item, "ListFields"):
                    stack.append(item)
                elif isinstance(item, (bytes, str)):
                    yield from unpacked(item.encode() if isinstance(item, str) else item)


def everything(job: Any) -> list[bytes]:
    """Returns all that Google is told, readable: the graph with its pickled steps, the job's JSON, and the options."""
    options = repr(job.options.get_all_options()).encode()
    return [*payloads(job.proto_pipeline), job.proto_pipeline.SerializeToString(), *unpacked(job.json().encode()), options]


def forms(material: bytes) -> list[bytes]:
    """Returns a text, and the bytes that it stands for, in the forms that one might find them in."""
    found = [material, material.decode().encode("utf-16-le"), material.rstrip(b"=")]
    for data in {material, _decoded(material)}:
        found += [data, binascii.hexlify(data), binascii.hexlify(data).upper(), data[::-1]]
        # Three alignments; what depends on the neighbours is cut off.
        found += [base64.b64encode(bytes(k) + data)[4 if k else 0 : -4] for k in range(3)]
        found += [base64.urlsafe_b64encode(bytes(k) + data)[4 if k else 0 : -4] for k in range(3)]
    return found


def _decoded(material: bytes) -> bytes:
    try:
        return base64.b64decode(material, validate=True)
    except ValueError:
        return material


def holds(job: Any, material: bytes) -> bool:
    return any(form in data for data in everything(job) for form in forms(material))


def test_no_form_of_the_key_is_in_it(job, secret):
    for label in ("WriteShard", "FinishDataset"):
        found = unpacked(pickled_step(job, label))
        assert any(SECRET.encode() in data for data in found), "the search sees what is in a pickled step"
    assert holds(job, SECRET.encode())
    assert not holds(job, secret.key.material)


def test_the_search_finds_a_key(launch, secret):
    name = "k" + binascii.hexlify(base64.b64decode(secret.key.material)).decode()
    assert holds(launch(f"--name={name}", "--sdk_container_image=i/w:1"), secret.key.material)


def pickled_step(job: Any, label: str) -> bytes:
    """Returns a step as it travels to the workers."""
    (step,) = [step for step in job.proto_pipeline.components.transforms.values() if step.unique_name == label]
    return beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload).do_fn.payload


def shard_writer(job: Any) -> Any:
    """Returns the step that makes the shards as a worker unpickles it."""
    return pickler.loads(pickled_step(job, "WriteShard"))[0]


def test_a_worker_fetches_the_key_itself(job, secret):
    step = shard_writer(job)
    assert secret.asked == [SECRET], "once at launch"
    assert step._job.key_reference == f"gcp-secret:{SECRET}"
    worker = Worker(step._job)
    assert secret.asked == [SECRET, SECRET]
    assert worker.record_id.key == secret.key
    assert [example.index for example in worker.source.read("train", 5, 7)] == [5, 6]


def test_a_worker_that_finds_another_key(job, secret, monkeypatch):
    import google.cloud

    other = Key.generate().material
    payload = types.SimpleNamespace(payload=types.SimpleNamespace(data=other))
    monkeypatch.setattr(
        google.cloud.secretmanager.SecretManagerServiceClient, "access_secret_version", lambda *_, **__: payload
    )
    with pytest.raises(DeidError, match="leads to another key here") as caught:
        Worker(shard_writer(job)._job)
    assert other.decode() not in str(caught.value)


def test_keys_of_this_machine_are_refused_at_launch(launch, key_path, monkeypatch):
    text = key_path.read_text().strip()
    monkeypatch.setenv("TFDEID_TEST_KEY", text)
    for reference in (str(key_path), "env:TFDEID_TEST_KEY"):
        with pytest.raises(DeidError, match="must exist on every worker.*--key_on_workers"):
            launch(key=reference)
        job = launch("--key_on_workers", "--sdk_container_image=i/w:1", key=reference)
        assert holds(job, reference.encode()) and not holds(job, text.encode())


def test_a_secret_that_cannot_be_had(launch):
    with pytest.raises(DeidError, match="the secret projects/p/secrets/t/versions/1 can't be read: PermissionError"):
        launch(key="gcp-secret:projects/p/secrets/t/versions/1")


def test_options_that_dataflow_refuses(launch):
    with pytest.raises(DeidError, match="DataflowRunner can't be started: .*Invalid Project ID"):
        launch("--project=a project")


def test_a_flex_template_hands_the_job_over_and_ends(launch, monkeypatch, capsys):
    """A launcher gives --template_location, takes the job that is written there, and must not wait for it."""
    created = []

    class Client:
        def __init__(self, *_: Any):
            pass

        def create_job(self, job: Any) -> None:
            created.append(job)

    monkeypatch.setattr(apiclient, "DataflowApplicationClient", Client)
    options = ("--template_location=gs://bucket/tmp/job_object", "--sdk_container_image=i/w:1", "--no_auth")
    monkeypatch.setattr("apache_beam.io.gcp.gcsio.GcsIO", lambda: types.SimpleNamespace(is_soft_delete_enabled=lambda _: False))
    assert launch(*options, "--labels=team=x", "--job_name=deid", dry=False) is created[0]
    assert "still to be made" in capsys.readouterr().out
